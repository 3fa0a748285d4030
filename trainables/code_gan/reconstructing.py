"""A trained autoencoder on images of another size: the paper's Table 1. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from retable.data.image_spec import ImageSpec
from retable.identity import option
from retable.published import Label
from retable.trial import ScoringConfig, TrialConfig
from trainables.code_gan.config import AutoencoderConfig


@dataclass(frozen=True, kw_only=True)
class ReconstructionConfig(ScoringConfig):
    """Test images encoded and decoded, at any size that the code's divisor divides.

    Attributes:
        of: the autoencoder, trained with this trial's seed.
        resolution: height and width of the images.
        stored: whether codes are rounded to float16 on the way, as those that are kept on disk are.
    """

    trainable: ClassVar[str] = "code_reconstruction"
    of: AutoencoderConfig
    resolution: int
    stored: bool = option(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resolution < 1 or self.resolution % self.of.code_divisor:
            raise ValueError(
                f"resolution must be a multiple of code_divisor={self.of.code_divisor}, but got {self.resolution}"
            )

    @property
    def data(self) -> ImageSpec:
        """The images, cut as the autoencoder's."""
        return replace(self.of.data, size=self.resolution)

    def canonical(self) -> Self:
        return replace(self, of=self.of.canonical())

    def lasting(self, iterations: int) -> Self:
        """Of the autoencoder trained for that many iterations."""
        return replace(self, of=self.of.lasting(iterations))

    def labels(self) -> Mapping[str, Label]:
        """Those of the autoencoder; `resolution` is that of what is reconstructed."""
        trained = self.of.labels()
        own = {"resolution": self.resolution, "trained_at": trained["resolution"], "stored": int(self.stored)}
        return {**trained, **own}

    def follows(self) -> tuple[TrialConfig, ...]:
        """The autoencoder."""
        return (self.of,)
