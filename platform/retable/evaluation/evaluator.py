"""Evaluator of a generator with a finished classifier: all that clips and images have in common.

Samples are generated, scored and forgotten batch by batch, shared over the workers; a subclass says which distances are
measured, and what is kept of the samples for them.
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
from retable.metrics.inception_score import inception_score
from retable.metrics.protocol import Protocol
from retable.trial.distributed import Workers
from retable.trial.learner import Score

Generate = Callable[[Sequence[int], int], Tensor]
"""(global sample indices, repeat) -> samples in [-1, 1], clips (n, C, T, H, W) or images (n, C, H, W), the same for the
same index and repeat."""

SNAPSHOT = 0
"""Repeat of a snapshot's samples. Those of a final evaluation are 1, 2, …, so it never scores the samples that chose it."""

E = TypeVar("E", bound=ClassifierEvaluation)
K = TypeVar("K")


class Evaluator(ABC, Generic[E, K]):
    """Scores a generator with a finished classifier.

    Args:
        classifier_folder: folder of the finished trial of `evaluation.classifier`.
        real: real samples that generated ones are compared with.
        fingerprint: of the data set behind them, for protocols.
        batch: samples that a worker generates and scores at once. It is fixed, so that a sample's neighbours, and with
            them its last bits, depend little on the number of workers.
        labels: of a conditional generator, for protocols; empty if they are as frequent as in training.

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
        labels: str = "",
    ) -> None:
        least = min(evaluation.samples, evaluation.snapshot_samples, len(real))
        if workers.size > least:
            raise ValueError(f"every worker must get a sample, but got {workers.size} workers for {least}")
        self.evaluation, self.folder, self.real = evaluation, classifier_folder, real
        self.fingerprint, self.workers, self.batch, self.labels = fingerprint, workers, batch, labels
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
            for family, found in self._measured(generate, repeat, samples).items():
                values.setdefault(family, []).extend(found)
        return {
            self._protocol(family, samples, len(repeats)).name: _score(found)
            for family, found in values.items()
        }

    @abstractmethod
    def _collected(self, features: Iterator[Tensor], samples: int) -> K:
        """Collect the features of a repeat for the distances.

        Args:
            features: (n, F) of this worker's share of a repeat, batch by batch; at least one.
            samples: in the repeat, over all workers.
        """

    @abstractmethod
    def _distances(self, collected: K, samples: int) -> Mapping[str, Sequence[float]]:
        """Values of each family but the Inception score in one repeat, the same on all ranks."""

    def _distance_protocol(self, protocol: "partial[Protocol]") -> Protocol:
        """Protocol of a distance, from the fields that all have."""
        return protocol()

    def _measured(self, generate: Generate, repeat: int, samples: int) -> Mapping[str, Sequence[float]]:
        """Values of each family in one repeat, the Inception score first."""
        logits: list[Tensor] = []

        def features() -> Iterator[Tensor]:
            share = self.workers.share(samples)
            for start in range(0, len(share), self.batch):
                logits_NK, features_NF = self.extractor.features(
                    generate(share[start : start + self.batch], repeat)
                )
                logits.append(logits_NK)
                yield features_NF

        collected = self._collected(features(), samples)
        inception = inception_score(self.workers.gather(torch.cat(logits)), self.evaluation.splits)
        return {"is": [inception], **self._distances(collected, samples)}

    def _protocol(self, family: str, samples: int, repeats: int) -> Protocol:
        common = partial(
            Protocol,
            family=family,
            samples=samples,
            repeats=repeats,
            data=self.fingerprint[:6],
            resize=self.extractor.resize,
            classifier=self.extractor.name,
            accuracy=self.extractor.accuracy_text,
            labels=self.labels,
        )
        if family == "is":
            return common(splits=self.evaluation.splits)
        return self._distance_protocol(partial(common, passes=self.evaluation.real_passes, split="train"))


def _score(values: Sequence[float]) -> Score:
    """Mean and, of several values, population standard deviation."""
    std = float(np.std(values)) if len(values) > 1 else None
    return Score(float(np.mean(values)), std, len(values))
