"""IS and FID of a generator of clips, by the protocol of its config, shared over the workers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from retable.data.samples.clips import Clips
from retable.evaluation.config import Evaluation
from retable.evaluation.evaluator import Evaluator
from retable.evaluation.real import RealClips, real_gaussian
from retable.metrics.frechet import Gaussian, Moments, Samples, frechet_distance
from retable.trial.distributed import Workers


class ClipEvaluator(Evaluator[Evaluation, Samples | Moments]):
    """Scores a generator of clips with a finished classifier.

    Args:
        classifier_folder: folder of the finished trial of `evaluation.classifier`.
        clips: the train split as the generator's training sees it: the real clips of FID.
        batch: clips that a worker generates and scores at once.

    Raises:
        ValueError: there are more workers than samples.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        classifier_folder: Path,
        clips: Clips,
        workers: Workers,
        batch: int = 16,
    ) -> None:
        real = RealClips(clips, evaluation.real_passes)
        labels = "" if evaluation.labels == "frequency" else evaluation.labels
        super().__init__(evaluation, classifier_folder, real, clips.fingerprint, workers, batch, labels)
        self._real: Gaussian | None = None

    def _collected(self, features: Iterator[Tensor], samples: int) -> Samples | Moments:
        seen: Samples | Moments | None = None
        for features_NF in features:
            seen = seen or self._spread(samples, features_NF.shape[1])
            seen.update(features_NF)
        assert seen is not None  # there are no more workers than samples
        return seen

    def _distances(self, collected: Samples | Moments, samples: int) -> Mapping[str, Sequence[float]]:
        if self._real is None:
            self._real = real_gaussian(self.extractor, self.real, self.folder, self.workers, self.batch)
        return {"fid": [frechet_distance(self._real, collected.reduced(self.workers).gaussian())]}

    def _spread(self, samples: int, dimensions: int) -> Samples | Moments:
        """Collector of features: the samples themselves where they are fewer than a covariance's columns."""
        return Samples() if samples < dimensions else Moments(dimensions, self.workers.device)
