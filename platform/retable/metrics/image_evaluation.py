"""How a trial of images is scored: part of its config, so that a change of protocol is another trial. No torch here."""

from dataclasses import dataclass, replace
from pathlib import Path

from retable.metrics.brought import TakesWeights
from retable.study import TrialConfig


@dataclass(frozen=True, kw_only=True)
class ImageEvaluation:
    """FID of generated images; the counts are those of the code-GAN paper where it gives them.

    Attributes:
        classifier: config of the trial whose network gives the features.
        samples: generated images in one repeat of the final evaluation.
        repeats: repeats of the final evaluation, each with fresh samples; the ± is over them.
        snapshot_samples: generated images at each snapshot during training (one repeat).
        real_passes: draws of each training image for the real statistics.
    """

    classifier: TrialConfig
    samples: int = 50_000
    repeats: int = 1
    snapshot_samples: int = 10_000
    real_passes: int = 1

    def __post_init__(self) -> None:
        minimum = {"samples": 2, "repeats": 1, "snapshot_samples": 2, "real_passes": 1}
        for name, least in minimum.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but got {getattr(self, name)}")

    def judged_by(self, file: Path) -> "ImageEvaluation":
        """The same protocol by the classifier in that file of weights.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the classifier takes no weights from outside, or not those.
        """
        if isinstance(self.classifier, TakesWeights):
            return replace(self, classifier=self.classifier.with_weights(file))
        raise ValueError(f"a {self.classifier.trainable} takes no file of weights; leave --classifier out")
