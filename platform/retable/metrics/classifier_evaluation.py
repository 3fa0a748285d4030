"""What scoring clips and scoring images by a classifier have in common. No torch here."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from retable.metrics.brought import TakesWeights
from retable.trial import TrialConfig


@dataclass(frozen=True, kw_only=True)
class ClassifierEvaluation:
    """Counts and judge of an evaluation; what the defaults are is each kind's own.

    Attributes:
        classifier: config of the trial whose network gives class logits and features.
        samples: generated samples in one repeat of the final evaluation.
        repeats: repeats of the final evaluation, each with fresh samples; the ± is over them.
        splits: parts that one repeat's samples are cut into for the Inception score.
        snapshot_samples: generated samples at each snapshot during training (one repeat).
        real_passes: how often each training sample is among the real ones.
    """

    classifier: TrialConfig
    samples: int
    repeats: int
    splits: int
    snapshot_samples: int
    real_passes: int

    def __post_init__(self) -> None:
        self._at_least({"samples": 2, "repeats": 1, "splits": 1, "snapshot_samples": 2, "real_passes": 1})
        for name in ("samples", "snapshot_samples"):
            if getattr(self, name) % self.splits:
                raise ValueError(
                    f"splits must divide {name} so that each split has equally many samples, but got "
                    f"{self.splits=} and {name}={getattr(self, name)}"
                )

    def _at_least(self, minimum: dict[str, int]) -> None:
        for name, least in minimum.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but got {getattr(self, name)}")

    def judged_by(self, file: Path) -> Self:
        """The same protocol by the classifier in that file of weights.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the classifier takes no weights from outside, or not those.
        """
        if isinstance(self.classifier, TakesWeights):
            return replace(self, classifier=self.classifier.with_weights(file))
        raise ValueError(f"a {self.classifier.trainable} takes no file of weights; leave --classifier out")
