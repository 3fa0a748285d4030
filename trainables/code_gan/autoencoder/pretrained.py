"""Config of a pretrained autoencoder, from a file that `trainables.code_gan.autoencoder.export` wrote. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from retable.data.decode.spec import ImageSpec
from retable.evaluation.pretrained import PretrainedConfig, read_weights
from retable.trial.config import DataNeeds
from retable.trial.identity import Label
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.stages.channels import autoencoder_shapes
from trainables.code_gan.stages.checks import check_divisor, check_least

FORMAT = "retable autoencoder"
"""Format in the file's header."""

SIZES = ("code_divisor", "code_channels", "width")
"""Sizes of the networks in the header, named as in `AutoencoderConfig`."""

REMEDY = "make it with `python -m trainables.code_gan.autoencoder.export` (trainables/code_gan/README.md)"


@dataclass(frozen=True, kw_only=True)
class PretrainedAutoencoder(PretrainedConfig):
    """F and H that are not trained here: their trial scores reconstructions of the data set at hand.

    Attributes:
        code_divisor: by how much a code is smaller than its image.
        code_channels: of a code.
        width: channels of F and H at full resolution.
        data: images that the reconstructions are scored on.
        scored: how many of them at most, spread over the test split.
    """

    trainable: ClassVar[str] = "code_autoencoder"
    learner: ClassVar[str] = "trainables.code_gan.autoencoder.learner:PretrainedAutoencoderLearner.of"
    code_divisor: int
    code_channels: int
    width: int
    data: ImageSpec
    scored: int = 1_000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, {"code_channels": 1, "width": 1, "scored": 1})
        check_divisor(self.code_divisor)

    @classmethod
    def of(cls, file: Path, data: ImageSpec, scored: int = 1_000) -> Self:
        """The autoencoder in a file that `trainables.code_gan.autoencoder.export` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file.
        """
        weights = read_weights(file, REMEDY)
        if weights.header.get("format") != FORMAT:
            raise ValueError(f"{file} is not an exported autoencoder; {REMEDY}")
        header = {name: weights.header.get(name, "") for name in SIZES}
        try:
            sizes = {name: int(size) for name, size in header.items()}
            fitting = autoencoder_shapes(**sizes) == weights.shapes
        except ValueError:
            fitting = False
        if not fitting:
            raise ValueError(
                f"{file} must hold an autoencoder of {header}, as it says, but does not; {REMEDY}"
            )
        return cls(weights=weights.hash, **sizes, data=data, scored=scored)

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters; the images of its training are not known here."""
        return {
            **super().labels(),
            "resolution": self.data.size,
            "classes": self.data.class_names,
            "code_divisor": self.code_divisor,
            "code_channels": self.code_channels,
            "alpha": "brought",
            "width": self.width,
        }

    @property
    def needs(self) -> DataNeeds:
        """Images of the size that is scored."""
        return self.data.needs

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the test split's images."""
        from retable.data.samples.images import Images

        return Images(data, self.data, "test", 0, progress=progress).notice


AnyAutoencoder = AutoencoderConfig | PretrainedAutoencoder


def encoder_classes(encoder: AnyAutoencoder | None, data: ImageSpec) -> str:
    """The classes that an encoder was trained on, for labels; empty if they are those of the data, or not known."""
    if isinstance(encoder, AutoencoderConfig) and encoder.data.classes != data.classes:
        return encoder.data.class_names
    return ""
