"""Config of an autoencoder, stage 1 of a code-GAN. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from retable.data.decode.spec import ImageSpec
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.identity import Label
from trainables.code_gan.stages.checks import check_adam, check_divisor, check_least

D_WIDTH = 64
STAGE_1_IMAGES = ImageSpec(size=128)


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(TrialConfig):
    """Stage 1: an encoder F and a decoder H, fully convolutional, and a discriminator of what they reconstruct.

    The paper gives the loss, the data, 128 × 128 and the code's size; the other defaults are ours (README.md).

    Attributes:
        code_divisor: by how much a code is smaller than its image: 2, 4, 8 or 16.
        code_channels: of a code.
        alpha: α, the weight of the adversarial loss beside L1; 0 trains no discriminator.
        width: channels of F and H at full resolution.
        d_width: channels of the discriminator's first convolution.
        lr: Adam's learning rate.
        beta1: Adam's decay of the mean gradient.
        beta2: Adam's decay of the mean squared gradient.
        adam_eps: Adam's ε.
        data: the images that it is trained on; F and H take others of any size.
        scored: test images whose reconstruction is scored, spread over the split; all where there are fewer.
    """

    trainable: ClassVar[str] = "code_autoencoder"
    learner: ClassVar[str] = "trainables.code_gan.autoencoder.learner:AutoencoderLearner.of"
    costs: ClassVar[str] = "trainables.code_gan.autoencoder.costs:step_cost"
    figures: ClassVar[str] = "trainables.code_gan.figures.reconstructions:reconstructions"
    joint_figures: ClassVar[str] = "trainables.code_gan.figures.reconstructions:by_code_size"
    iterations: int = 100_000
    batch_size: int = 16
    snapshot_every: int = 10_000
    code_divisor: int = 4
    code_channels: int = 16
    alpha: float = 1e-2
    width: int = 64
    d_width: int = D_WIDTH
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    adam_eps: float = 1e-8
    data: ImageSpec = STAGE_1_IMAGES
    scored: int = 1_000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, {"code_channels": 1, "width": 1, "d_width": 1, "scored": 1, "alpha": 0})
        check_divisor(self.code_divisor)
        check_adam(self.lr, self.beta1, self.beta2, self.adam_eps)
        if self.data.size % self.code_divisor:
            raise ValueError(
                f"code_divisor must divide the size of images, but got code_divisor={self.code_divisor} and images of "
                f"{self.data.size} × {self.data.size}"
            )
        if self.alpha and self.data.size < 16:
            raise ValueError(
                f"images must be at least 16 pixels large where alpha > 0, for the discriminator sees patches, but "
                f"got {self.data.size}"
            )

    def canonical(self) -> Self:
        """Without a discriminator its width is the default."""
        return self if self.alpha else replace(self, d_width=D_WIDTH)

    def labels(self) -> Mapping[str, Label]:
        return {
            **super().labels(),
            "resolution": self.data.size,
            "classes": self.data.class_names,
            "code_divisor": self.code_divisor,
            "code_channels": self.code_channels,
            "alpha": self.alpha,
            "lr": self.lr,
            "width": self.width,
        }

    def with_classifier(self, file: Path) -> Self:
        """Return this config: a classifier scores GANs of the same study, but no reconstruction."""
        return self

    @property
    def needs(self) -> DataNeeds:
        """Images of the training's size."""
        return self.data.needs

    def cost_key(self) -> Mapping[str, object]:
        """The networks, the images' size, and whether there is a discriminator."""
        return {
            "code_divisor": self.code_divisor,
            "code_channels": self.code_channels,
            "width": self.width,
            "d_width": self.d_width if self.alpha else 0,
            "size": self.data.size,
        }

    def bound_to_iterations(self) -> str:
        """Empty: the learning rate stays the same."""
        return ""

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the images before any worker starts."""
        from retable.data.samples.images import prepare

        return prepare(data, self.data, progress)
