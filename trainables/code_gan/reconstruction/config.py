"""Config of a trained autoencoder that is scored on images of another size: the paper's Table 1. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from retable.data.decode.spec import ImageSpec
from retable.trial.config import DataNeeds
from retable.trial.identity import Label
from retable.trial.scoring import ScoringConfig
from trainables.code_gan.autoencoder.config import AutoencoderConfig


@dataclass(frozen=True, kw_only=True)
class ReconstructionConfig(ScoringConfig):
    """Test images encoded and decoded, at any size that the code's divisor divides.

    Attributes:
        of: the autoencoder, trained with this trial's seed.
        resolution: height and width of the images.
    """

    trainable: ClassVar[str] = "code_reconstruction"
    learner: ClassVar[str] = "trainables.code_gan.reconstruction.learner:Reconstruction.of"
    of: AutoencoderConfig
    resolution: int

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

    @property
    def needs(self) -> DataNeeds:
        """Images of this size."""
        return self.data.needs

    def labels(self) -> Mapping[str, Label]:
        """Those of the autoencoder; `resolution` is that of what is reconstructed."""
        trained = self.of.labels()
        return {**trained, "resolution": self.resolution, "trained_at": trained["resolution"]}

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the test images at this size; the train split is not looked at."""
        from retable.data.samples.images import Images

        return Images(data, self.data, "test", 0, progress=progress).notice
