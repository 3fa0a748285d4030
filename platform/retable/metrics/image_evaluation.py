"""How a trial of images is scored: part of its config, so that a change of protocol is another trial. No torch here."""

from dataclasses import dataclass

from retable.metrics.classifier_evaluation import ClassifierEvaluation


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
