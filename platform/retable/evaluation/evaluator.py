"""Scoring generated samples with a finished classifier: what clips and images have in common.

Samples are generated, judged and forgotten batch by batch, shared over the workers; what is kept of them is the
subclass's choice.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from retable.evaluation.config import ClassifierEvaluation
from retable.evaluation.features import FeatureExtractor
from retable.evaluation.real import Real
from retable.metrics.protocol import Protocol
from retable.trial.distributed import Workers
from retable.trial.learner import Score

Generate = Callable[[Sequence[int], int], Tensor]
"""(global sample indices, repeat) -> samples in [-1, 1], clips (n, C, T, H, W) or images (n, C, H, W), the same for the
same index and repeat."""

Judged = Iterator[tuple[Tensor, Tensor]]
"""Logits (n, K) and features (n, F) of this worker's share of a repeat, batch by batch; it has one at least."""

SNAPSHOT = 0
"""The repeat of a snapshot's samples; a final evaluation's are 1, 2, …, so that it never scores what chose it."""

E = TypeVar("E", bound=ClassifierEvaluation)


class JudgingEvaluator(ABC, Generic[E]):
    """Scores a generator with a finished classifier.

    Args:
        classifier_folder: the finished trial of `evaluation.classifier`.
        real: what the generated samples are compared with.
        fingerprint: of the data set behind them, for protocols.
        batch: samples generated and judged at once by a worker. It is fixed, so that a sample's neighbours, and with
            them its last bits, depend little on the number of workers.

    Raises:
        ValueError: there are more workers than samples, real or generated.
    """

    def __init__(
        self,
        evaluation: E,
        classifier_folder: Path,
        real: Real,
        fingerprint: str,
        workers: Workers,
        batch: int,
    ) -> None:
        least = min(evaluation.samples, evaluation.snapshot_samples, len(real))
        if workers.size > least:
            raise ValueError(f"every worker must get a sample, but got {workers.size} workers for {least}")
        self.evaluation, self.folder, self.real = evaluation, classifier_folder, real
        self.fingerprint, self.workers, self.batch = fingerprint, workers, batch
        self.extractor = FeatureExtractor.load(classifier_folder, evaluation.classifier, workers.device)

    @torch.no_grad()
    def scores(self, generate: Generate, *, final: bool) -> dict[str, Score]:
        """Scores by protocol name, the same on all ranks; every rank calls it.

        Args:
            generate: called without gradients, with up to `batch` indices; ranks call it different numbers of
                times, so it must not wait for other ranks.
            final: `repeats` repeats of `samples` fresh samples; otherwise one repeat of `snapshot_samples`.

        Raises:
            FloatingPointError: a sample's logits or features were not finite.
        """
        samples = self.evaluation.samples if final else self.evaluation.snapshot_samples
        repeats = range(1, self.evaluation.repeats + 1) if final else [SNAPSHOT]
        values: dict[str, list[float]] = {}
        for repeat in repeats:
            for family, found in self._measured(self._judged(generate, repeat, samples), samples).items():
                values.setdefault(family, []).extend(found)
        protocol = partial(
            Protocol,
            samples=samples,
            repeats=len(repeats),
            data=self.fingerprint[:6],
            resize=self.extractor.resize,
            classifier=self.extractor.name,
            accuracy=self.extractor.accuracy_text,
        )
        return {self._protocol(family, protocol).name: _score(values[family]) for family in values}

    @abstractmethod
    def _measured(self, judged: Judged, samples: int) -> Mapping[str, Sequence[float]]:
        """What one repeat of so many samples adds to each family's values, the same on all ranks."""

    @abstractmethod
    def _protocol(self, family: str, protocol: "partial[Protocol]") -> Protocol:
        """The protocol of that family, from what is common to all."""

    def _judged(self, generate: Generate, repeat: int, samples: int) -> Judged:
        share = self.workers.share(samples)
        for start in range(0, len(share), self.batch):
            yield self.extractor.features(generate(share[start : start + self.batch], repeat))


def _score(values: Sequence[float]) -> Score:
    """Mean and, of several values, population standard deviation."""
    std = float(np.std(values)) if len(values) > 1 else None
    return Score(float(np.mean(values)), std, len(values))
