"""FID, KID, precision, recall and IS of a generator of images, by the protocol of its config, shared over the workers.

Images are generated, scored and forgotten batch by batch. Their features are kept, in float32 in the host's memory:
50,000 of Inception's are 410 MB.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from retable.evaluation.config import ImageEvaluation
from retable.evaluation.evaluator import Evaluator
from retable.evaluation.real import SEED, Pictures, RealImages, real_features
from retable.metrics.frechet import Moments, Samples, Spread, frechet_distance
from retable.metrics.kernel import kernel_distances
from retable.metrics.precision_recall import Manifold
from retable.metrics.protocol import Protocol
from retable.trial.distributed import Workers
from retable.trial.random import stream


@dataclass(frozen=True)
class _RealImages:
    """The real images: features (N, F), their spread, and manifolds by the number of points."""

    features_ND: Tensor
    spread: Spread
    manifolds: dict[int, Manifold] = field(default_factory=dict)


class ImageEvaluator(Evaluator[ImageEvaluation, Tensor]):
    """Scores a generator of images with a finished classifier.

    Args:
        classifier_folder: folder of the finished trial of `evaluation.classifier`.
        images: the train split, of the generated images' size: the real images.
        batch: images that a worker generates and scores at once.

    Raises:
        ValueError: there are more workers than images, the classifier takes clips, or there are too few real images for
            `evaluation.neighbours`.
    """

    def __init__(
        self,
        evaluation: ImageEvaluation,
        classifier_folder: Path,
        images: Pictures,
        workers: Workers,
        batch: int = 16,
    ) -> None:
        real = RealImages(images, evaluation.real_passes)
        if len(real) <= evaluation.neighbours:
            raise ValueError(
                f"precision and recall need more real images than neighbours={evaluation.neighbours}, but got {len(real)}"
            )
        super().__init__(evaluation, classifier_folder, real, images.fingerprint, workers, batch)
        if self.extractor.frames is not None:
            raise ValueError(
                f"images must be judged by a classifier of images, but {self.extractor.name} judges clips"
            )
        self._known: _RealImages | None = None

    def _collected(self, features: Iterator[Tensor], samples: int) -> Tensor:
        own_ND = torch.cat([features_NF.cpu() for features_NF in features])
        return self.workers.gather(own_ND.to(self.workers.device)).cpu()

    def _distances(self, collected: Tensor, samples: int) -> Mapping[str, Sequence[float]]:
        real, fake_ND = self._real_images(), collected
        frechet = frechet_distance(real.spread, _spread(fake_ND, self.workers.device))
        kernel = kernel_distances(
            real.features_ND,
            fake_ND,
            subsets=self.evaluation.kid_subsets,
            size=self._kid_subset_size(samples),
            workers=self.workers,
        )
        precision, recall = self._precision_recall(real, fake_ND)
        return {"fid": [frechet], "kid": kernel, "precision": [precision], "recall": [recall]}

    def _precision_recall(self, real: _RealImages, fake_ND: Tensor) -> tuple[float, float]:
        """Precision and recall of equally many real and generated images; the manifold of the real ones is made once."""
        points = self._points(len(fake_ND))
        if points not in real.manifolds:
            drawn = stream(SEED, "manifold").permutation(len(real.features_ND))[:points]
            real.manifolds[points] = self._manifold(real.features_ND[torch.from_numpy(drawn)])
        manifold, generated = real.manifolds[points], self._manifold(fake_ND[:points])
        return manifold.covers(generated.features_ND), generated.covers(manifold.features_ND)

    def _manifold(self, features_ND: Tensor) -> Manifold:
        return Manifold(features_ND, self.evaluation.neighbours, self.workers)

    def _real_images(self) -> _RealImages:
        """Computed at the first call. Workers meet here, so that it is no cached property: those lock threads."""
        if self._known is None:
            features_ND = real_features(self.extractor, self.real, self.folder, self.workers, self.batch)
            self._known = _RealImages(features_ND, _spread(features_ND, self.workers.device))
        return self._known

    def _points(self, samples: int) -> int:
        return min(self.evaluation.manifold, samples, len(self.real))

    def _kid_subset_size(self, samples: int) -> int:
        return min(self.evaluation.kid_subset_size, samples, len(self.real))

    def _distance_protocol(self, protocol: "partial[Protocol]") -> Protocol:
        evaluation, samples, family = (
            self.evaluation,
            protocol.keywords["samples"],
            protocol.keywords["family"],
        )
        if family == "fid":
            return protocol()
        if family == "kid":
            return protocol(subsets=evaluation.kid_subsets, points=self._kid_subset_size(samples))
        return protocol(neighbours=evaluation.neighbours, points=self._points(samples))


def _spread(features_ND: Tensor, device: torch.device) -> Spread:
    """Mean and covariance; by the samples themselves where they are fewer than a covariance's columns."""
    if len(features_ND) < features_ND.shape[1]:
        return Samples().update(features_ND.to(device)).gaussian()
    moments = Moments(features_ND.shape[1], device)
    for part in torch.split(features_ND, 1024):
        moments.update(part.to(device))
    return moments.gaussian()
