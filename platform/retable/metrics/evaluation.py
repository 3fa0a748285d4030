"""How a trial is scored: part of its config, so that a change of protocol is a change of identity. No torch here."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from retable.identity import option
from retable.metrics.brought import TakesWeights
from retable.study import TrialConfig


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """IS and FID as the TGANv2 paper takes them; the defaults are its counts (§5.2).

    Attributes:
        classifier: config of the trial whose network gives the class probabilities (IS) and features (FID).
        samples: generated clips in one repeat of the final evaluation.
        repeats: repeats of the final evaluation, each with fresh samples; the ± is over them.
        splits: parts that one repeat's samples are cut into for the Inception score.
        snapshot_samples: generated clips at each snapshot during training (one repeat).
        labels: how often a conditional generator is asked for each class: ``frequency`` as often as the training videos
            are of it, which is what an unconditional one learns; ``uniform`` equally often.
        real_passes: random clips taken of each training video for FID's real statistics.
    """

    classifier: TrialConfig
    samples: int = 2048
    repeats: int = 10
    splits: int = 1
    snapshot_samples: int = 2048
    real_passes: int = 10
    labels: Literal["frequency", "uniform"] = option("frequency")

    def __post_init__(self) -> None:
        minimum = {"samples": 2, "repeats": 1, "splits": 1, "snapshot_samples": 2, "real_passes": 1}
        for name, least in minimum.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but got {getattr(self, name)}")
        if self.labels not in ("frequency", "uniform"):
            raise ValueError(f"labels must be 'frequency' or 'uniform', but got {self.labels!r}")
        for name in ("samples", "snapshot_samples"):
            if getattr(self, name) % self.splits:
                raise ValueError(
                    f"splits must divide {name} so that each split has equally many clips, but got "
                    f"{self.splits=} and {name}={getattr(self, name)}"
                )

    def judged_by(self, file: Path) -> "Evaluation":
        """The same protocol by the classifier in that file of weights.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the classifier takes no weights from outside, or not those.
        """
        if isinstance(self.classifier, TakesWeights):
            return replace(self, classifier=self.classifier.with_weights(file))
        raise ValueError(f"a {self.classifier.trainable} takes no file of weights; leave --classifier out")
