"""IS and FID of a generator, by the protocol of its config, shared over the workers."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retable.data.clips import Clips
from retable.ddp import Workers
from retable.metrics.evaluation import Evaluation
from retable.metrics.features import FeatureExtractor
from retable.metrics.frechet import Gaussian, Moments, Samples, frechet_distance
from retable.metrics.inception_score import inception_score
from retable.metrics.protocol import Protocol
from retable.metrics.real import real_features
from retable.run import Score

Generate = Callable[[Sequence[int], int], Tensor]
"""(global sample indices, repeat) -> clips (n, C, T, H, W) in [-1, 1], the same for the same index and repeat."""

SNAPSHOT = 0
"""The repeat of a snapshot's samples; a final evaluation's are 1, 2, …, so that it never scores what chose it."""


class Evaluator:
    """Scores a generator with a finished classifier.

    Args:
        classifier_folder: the finished trial of `evaluation.classifier`.
        clips: the train split as the generator's training sees it: the real clips of FID.
        batch: clips generated and judged at once by a worker. It is fixed, so that a sample's neighbours, and with
            them its last bits, depend little on the number of workers.

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
        least = min(evaluation.samples, evaluation.snapshot_samples)
        if workers.size > least:
            raise ValueError(f"every worker must get a sample, but got {workers.size} workers for {least}")
        self.evaluation, self.folder, self.clips = evaluation, classifier_folder, clips
        self.workers, self.batch = workers, batch
        self.extractor = FeatureExtractor.load(classifier_folder, evaluation.classifier, workers.device)
        self._real: Gaussian | None = None

    @torch.no_grad()
    def scores(self, generate: Generate, *, final: bool) -> dict[str, Score]:
        """IS and FID by protocol name, the same on all ranks; every rank calls it.

        Args:
            generate: called without gradients, with up to `batch` indices; ranks call it different numbers of
                times, so it must not wait for other ranks.
            final: `repeats` repeats of `samples` fresh samples; otherwise one repeat of `snapshot_samples`.

        Raises:
            FloatingPointError: a sample's logits or features were not finite.
        """
        samples = self.evaluation.samples if final else self.evaluation.snapshot_samples
        repeats = range(1, self.evaluation.repeats + 1) if final else [SNAPSHOT]
        if self._real is None:
            passes = self.evaluation.real_passes
            self._real = real_features(
                self.extractor, self.clips, passes, self.folder, self.workers, self.batch
            )
        inception, frechet = zip(
            *(self._repeat(generate, repeat, samples, self._real) for repeat in repeats), strict=True
        )
        scores = {"is": _score(inception), "fid": _score(frechet)}
        return {self._protocol(family, samples, len(repeats)).name: score for family, score in scores.items()}

    def _repeat(self, generate: Generate, repeat: int, samples: int, real: Gaussian) -> tuple[float, float]:
        """IS and FID of one repeat's samples."""
        logits = []
        seen: Samples | Moments | None = None
        share = self.workers.share(samples)
        for start in range(0, len(share), self.batch):
            some_logits, features = self.extractor.features(
                generate(share[start : start + self.batch], repeat)
            )
            logits.append(some_logits)
            seen = seen or self._spread(samples, features.shape[1])
            seen.update(features)
        assert seen is not None  # there are no more workers than samples
        inception = inception_score(self.workers.gather(torch.cat(logits)), self.evaluation.splits)
        return inception, frechet_distance(real, seen.reduced(self.workers).gaussian())

    def _spread(self, samples: int, dimensions: int) -> Samples | Moments:
        """What takes in so many samples' features: themselves where they are fewer than a covariance's columns."""
        return Samples() if samples < dimensions else Moments(dimensions, self.workers.device)

    def _protocol(self, family: str, samples: int, repeats: int) -> Protocol:
        protocol = partial(
            Protocol,
            samples=samples,
            repeats=repeats,
            data=self.clips.fingerprint[:6],
            resize=self.extractor.resize,
            classifier=self.extractor.name,
            accuracy=f"{self.extractor.accuracy:.3f}",
            labels="" if self.evaluation.labels == "frequency" else self.evaluation.labels,
        )
        if family == "is":
            return protocol(family="is", splits=self.evaluation.splits)
        return protocol(family="fid", passes=self.evaluation.real_passes, split="train")


def _score(values: Sequence[float]) -> Score:
    """Mean and, of several repeats, population standard deviation."""
    std = float(np.std(values)) if len(values) > 1 else None
    return Score(float(np.mean(values)), std, len(values))
