"""How a trial of clips is scored: part of its config, so that a change of protocol is another trial. No torch here."""

from dataclasses import dataclass
from typing import Literal

from retable.identity import option
from retable.metrics.classifier_evaluation import ClassifierEvaluation


@dataclass(frozen=True, kw_only=True)
class Evaluation(ClassifierEvaluation):
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

    samples: int = 2048
    repeats: int = 10
    splits: int = 1
    snapshot_samples: int = 2048
    real_passes: int = 10
    labels: Literal["frequency", "uniform"] = option("frequency")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.labels not in ("frequency", "uniform"):
            raise ValueError(f"labels must be 'frequency' or 'uniform', but got {self.labels!r}")
