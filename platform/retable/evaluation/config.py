"""Protocol of an evaluation: part of a trial's config, so that another protocol is another trial. No torch here."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from retable.evaluation.pretrained import TakesWeights
from retable.trial.config import TrialConfig
from retable.trial.identity import option


@dataclass(frozen=True, kw_only=True)
class ClassifierEvaluation:
    """Counts and classifier of an evaluation; each kind has defaults of its own.

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

    def with_classifier(self, file: Path) -> Self:
        """Return the same protocol with the pretrained classifier in a file.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: no pretrained classifier can replace this one, or not that one.
        """
        if isinstance(self.classifier, TakesWeights):
            return replace(self, classifier=self.classifier.with_weights(file))
        raise ValueError(f"a {self.classifier.trainable} takes no file of weights; leave --classifier out")


@dataclass(frozen=True, kw_only=True)
class Evaluation(ClassifierEvaluation):
    """IS and FID as the TGANv2 paper takes them; the defaults are its counts (§5.2).

    Attributes:
        classifier: config of the trial whose network gives the class probabilities (IS) and features (FID).
        samples: generated clips in one repeat of the final evaluation.
        repeats: repeats of the final evaluation, each with fresh samples; the ± is over them.
        splits: parts that one repeat's samples are cut into for the Inception score.
        snapshot_samples: generated clips at each snapshot during training (one repeat).
        labels: how often a conditional generator makes each class: ``frequency`` as often as the training videos
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


@dataclass(frozen=True, kw_only=True)
class ImageEvaluation(ClassifierEvaluation):
    """FID, KID, precision and recall, and IS of generated images.

    The counts are the code-GAN paper's where it gives them (FID on 50,000 samples), and those of the papers that
    proposed KID and precision and recall.

    Attributes:
        classifier: config of the trial whose network gives class logits (IS) and features (the others).
        samples: generated images in one repeat of the final evaluation.
        repeats: repeats of the final evaluation, each with fresh samples; the ± is over them.
        splits: parts that one repeat's samples are cut into for the Inception score.
        snapshot_samples: generated images at each snapshot during training (one repeat).
        real_passes: 1 for each training image as it is, 2 for its mirror image too.
        kid_subsets: subsets that KID is the mean over, in each repeat; its ± is over them.
        kid_subset_size: images of either kind in one of them; fewer where there are not so many.
        neighbours: k: a ball of precision and recall reaches to the k-th nearest neighbour.
        manifold: images of either kind that precision and recall are taken of; fewer where there are not so many. The
            cost grows with its square.
    """

    samples: int = 50_000
    repeats: int = 1
    splits: int = 1
    snapshot_samples: int = 10_000
    real_passes: int = 1
    kid_subsets: int = 100
    kid_subset_size: int = 1_000
    neighbours: int = 3
    manifold: int = 50_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least({"kid_subsets": 1, "kid_subset_size": 2, "neighbours": 1})
        if self.real_passes > 2:
            raise ValueError(
                f"real_passes must be 1, or 2 with mirror images, for no image looks otherwise a third time, but got "
                f"{self.real_passes}"
            )
        for name in ("samples", "snapshot_samples", "manifold"):
            if getattr(self, name) <= self.neighbours:
                raise ValueError(
                    f"{name} must be more than neighbours={self.neighbours}, but got {getattr(self, name)}"
                )
