"""Config of a data set's codes, computed once and stored, between an autoencoder and the GAN of its codes. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

from retable.data.decode.spec import ImageSpec
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.entry_points import resolve
from retable.trial.identity import Label
from retable.trial.partitions import Partitions
from retable.trial.run import Run
from trainables.code_gan.autoencoder.pretrained import AnyAutoencoder, encoder_classes
from trainables.code_gan.stages.checks import check_least

FOLDER = "codes"
"""Where the codes lie in their trial's folder."""


@dataclass(frozen=True, kw_only=True)
class CodesConfig(TrialConfig):
    """A trial that trains nothing: it encodes the train split, and scores what rounding the codes does.

    Attributes:
        of: the autoencoder.
        data: the images. Where half of them are mirrored, codes of all mirrored images are stored too, for the mirror
            image of a code is not the code of the mirror image.
        dtype: type of the stored values. Half as many bytes are read and kept as in float32.
        batch_size: images encoded at once, always the same ones: a network's rounding may depend on it.
        scored: images whose reconstruction from stored codes is scored; all where there are fewer.
    """

    trainable: ClassVar[str] = "codes"
    learner: ClassVar[str] = "trainables.code_gan.encoding.learner:Encoding.of"
    writer: ClassVar[str] = "trainables.code_gan.encoding.learner:CodeWriter.of"
    least_iterations: ClassVar[int] = 0
    iterations: int = 0
    batch_size: int = 16
    snapshot_every: int = 1
    of: AnyAutoencoder
    data: ImageSpec
    dtype: Literal["float16", "float32"] = "float16"
    scored: int = 1_000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, {"scored": 1})
        if self.iterations:
            raise ValueError(f"iterations must be 0 where nothing is trained, but got {self.iterations}")
        if self.dtype not in ("float16", "float32"):
            raise ValueError(f"dtype must be 'float16' or 'float32', but got {self.dtype!r}")
        if self.data.size % self.of.code_divisor:
            raise ValueError(
                f"images must be a multiple of code_divisor={self.of.code_divisor} pixels large, but got {self.data.size}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a code."""
        size = self.data.size // self.of.code_divisor
        return self.of.code_channels, size, size

    def canonical(self) -> Self:
        return replace(self, of=self.of.canonical())

    def with_classifier(self, file: Path) -> Self:
        """Return this config: no classifier scores codes."""
        return self

    def with_iterations(self, iterations: int) -> Self:
        """Return the codes of an autoencoder that is trained for that many iterations."""
        return replace(self, of=self.of.with_iterations(iterations))

    @property
    def needs(self) -> DataNeeds:
        """Images of the size that is encoded."""
        return self.data.needs

    def labels(self) -> Mapping[str, Label]:
        """Those of the autoencoder; `resolution` is that of what is encoded."""
        return {
            **self.of.labels(),
            "resolution": self.data.size,
            "classes": self.data.class_names,
            "encoder_classes": encoder_classes(self.of, self.data),
            "dtype": self.dtype,
        }

    def requires(self) -> tuple[TrialConfig, ...]:
        """The autoencoder."""
        return (self.of,)

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the train split's images."""
        from retable.data.samples.images import Images

        return Images(data, self.data, "train", 0, progress=progress).notice

    def partitions(self, seed: int, run: Run) -> Partitions:
        """The shards of codes."""
        create: Callable[[CodesConfig, int, Run], Partitions] = resolve(type(self), "writer")
        return create(self, seed, run)

    def progress(self, folder: Path) -> str:
        """Number of shards that are written."""
        from retable.data.samples.array_store import shards_written

        return shards_written(folder / FOLDER)
