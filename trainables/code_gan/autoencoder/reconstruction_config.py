"""A trained autoencoder on images of another size: the paper's Table 1. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from retable.data.decode.spec import ImageSpec
from retable.trial.identity import Label
from retable.trial.scoring import ScoringConfig
from trainables.code_gan.config import AutoencoderConfig

if TYPE_CHECKING:
    from retable.trial.distributed import Workers
    from retable.trial.run import Run
    from trainables.code_gan.autoencoder.reconstruction_learner import Reconstruction


@dataclass(frozen=True, kw_only=True)
class ReconstructionConfig(ScoringConfig):
    """Test images encoded and decoded, at any size that the code's divisor divides.

    Attributes:
        of: the autoencoder, trained with this trial's seed.
        resolution: height and width of the images.
    """

    trainable: ClassVar[str] = "code_reconstruction"
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

    def labels(self) -> Mapping[str, Label]:
        """Those of the autoencoder; `resolution` is that of what is reconstructed."""
        trained = self.of.labels()
        return {**trained, "resolution": self.resolution, "trained_at": trained["resolution"]}

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the test images at this size; the train split is not looked at."""
        from retable.data.samples.images import Images

        return Images(data, self.data, "test", 0, progress=progress).notice

    def build(self, seed: int, run: "Run", workers: "Workers") -> "Reconstruction":
        """What scores the trained autoencoder on this worker."""
        from retable.data.samples.images import Images
        from trainables.code_gan.autoencoder.codec import trained_codec
        from trainables.code_gan.autoencoder.reconstruction_learner import Reconstruction

        codec = trained_codec(self.of, seed, run, workers.device)
        return Reconstruction(self, workers, codec=codec, images=Images(run.data, self.data, "test", seed))
