"""IS and FID of a generator of clips, by the protocol of its config, shared over the workers."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from retable.data.samples.clips import Clips
from retable.evaluation.config import Evaluation
from retable.evaluation.evaluator import Judged, JudgingEvaluator
from retable.evaluation.real import RealClips, real_gaussian
from retable.metrics.frechet import Gaussian, Moments, Samples, frechet_distance
from retable.metrics.inception_score import inception_score
from retable.metrics.protocol import Protocol
from retable.trial.distributed import Workers


class Evaluator(JudgingEvaluator[Evaluation]):
    """Scores a generator of clips with a finished classifier.

    Args:
        classifier_folder: the finished trial of `evaluation.classifier`.
        clips: the train split as the generator's training sees it: the real clips of FID.
        batch: clips generated and judged at once by a worker.

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
        super().__init__(evaluation, classifier_folder, real, clips.fingerprint, workers, batch)
        self._real: Gaussian | None = None

    def _measured(self, judged: Judged, samples: int) -> Mapping[str, Sequence[float]]:
        if self._real is None:
            self._real = real_gaussian(self.extractor, self.real, self.folder, self.workers, self.batch)
        logits: list[Tensor] = []
        seen: Samples | Moments | None = None
        for some_logits, features in judged:
            logits.append(some_logits)
            seen = seen or self._spread(samples, features.shape[1])
            seen.update(features)
        assert seen is not None  # there are no more workers than samples
        inception = inception_score(self.workers.gather(torch.cat(logits)), self.evaluation.splits)
        frechet = frechet_distance(self._real, seen.reduced(self.workers).gaussian())
        return {"is": [inception], "fid": [frechet]}

    def _spread(self, samples: int, dimensions: int) -> Samples | Moments:
        """What takes in so many samples' features: themselves where they are fewer than a covariance's columns."""
        return Samples() if samples < dimensions else Moments(dimensions, self.workers.device)

    def _protocol(self, family: str, protocol: "partial[Protocol]") -> Protocol:
        labels = "" if self.evaluation.labels == "frequency" else self.evaluation.labels
        if family == "is":
            return protocol(family="is", splits=self.evaluation.splits, labels=labels)
        return protocol(family="fid", passes=self.evaluation.real_passes, split="train", labels=labels)
