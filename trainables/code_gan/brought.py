"""An autoencoder that was trained elsewhere, on whatever images: a file that `trainables.code_gan.export` wrote. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from safetensors import SafetensorError, safe_open

from retable.data.image_spec import ImageSpec
from retable.metrics.brought import weights_hash
from retable.published import Label
from retable.trial import TrialConfig
from trainables.code_gan.autoencoder_config import AutoencoderConfig
from trainables.code_gan.checks import check_divisor, check_least

if TYPE_CHECKING:
    from retable.ddp import Workers
    from retable.run import Run
    from trainables.code_gan.brought_step import BroughtAutoencoderLearner
    from trainables.code_gan.codec import Codec

FORMAT = "retable autoencoder"
"""What the file's header calls itself."""

SIZES = ("code_divisor", "code_channels", "width")
"""What the header says of the networks, as `AutoencoderConfig` does."""

BAD_FILE = (
    "{file} {what}; make it with `python -m trainables.code_gan.export` (trainables/code_gan/README.md)"
)


@dataclass(frozen=True, kw_only=True)
class BroughtAutoencoder(TrialConfig):
    """F and H that are not trained here: their trial scores how images of the data set at hand come back.

    Attributes:
        weights: hash of both networks' weights (`retable.metrics.brought.weights_hash`).
        code_divisor: by how much a code is smaller than its image.
        code_channels: of a code.
        width: channels of F and H at full resolution.
        data: images that the reconstructions are scored on.
        scored: how many of them at most, spread over the test split.
    """

    trainable: ClassVar[str] = "code_autoencoder"
    iterations: int = 1
    batch_size: int = 1
    snapshot_every: int = 1
    weights: str
    code_divisor: int
    code_channels: int
    width: int
    data: ImageSpec
    scored: int = 1_000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, {"code_channels": 1, "width": 1, "scored": 1})
        check_divisor(self.code_divisor)
        if len(self.weights) != 64 or not set(self.weights) <= set("0123456789abcdef"):
            raise ValueError(f"weights must be a SHA-256 in 64 hex digits, but got {self.weights!r}")

    @classmethod
    def of(cls, file: Path, data: ImageSpec, scored: int = 1_000) -> Self:
        """The autoencoder in a file that `trainables.code_gan.export` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file.
        """
        if not file.is_file():
            raise FileNotFoundError(BAD_FILE.format(file=file, what="is no file"))
        stat = file.stat()
        weights, sizes = _read(file, stat.st_mtime_ns, stat.st_size)
        return cls(weights=weights, **sizes, data=data, scored=scored)

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters; what it was trained on is not known here."""
        return {
            "weights": self.weights[:6],
            "resolution": self.data.size,
            "classes": "+".join(self.data.classes) or "all",
            "code_divisor": self.code_divisor,
            "code_channels": self.code_channels,
            "alpha": "brought",
            "width": self.width,
        }

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the test split's images."""
        from retable.data.images import Images

        return Images(data, self.data, "test", 0, progress=progress).notice

    def build(self, seed: int, run: "Run", workers: "Workers") -> "BroughtAutoencoderLearner":
        """The learner, which learns nothing, on this worker."""
        from retable.data.images import Images
        from trainables.code_gan.brought_step import BroughtAutoencoderLearner

        return BroughtAutoencoderLearner(self, run.folder, workers, Images(run.data, self.data, "test", seed))

    def codec(self, state: Mapping[str, Any]) -> "Codec":
        """F and H of its learner's state."""
        from trainables.code_gan.codec import Codec

        return Codec.of(self.code_divisor, self.code_channels, self.width, state)


AnyAutoencoder = AutoencoderConfig | BroughtAutoencoder


@lru_cache(maxsize=4)
def _read(file: Path, changed: int, size: int) -> tuple[str, dict[str, int]]:
    """Hash of a file's weights and its networks' sizes; the stamps are there so that a new file is read again."""
    try:
        with safe_open(file, framework="numpy") as opened:
            header = opened.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(BAD_FILE.format(file=file, what="is not an exported autoencoder"))
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no dict)
    except SafetensorError as error:
        raise ValueError(BAD_FILE.format(file=file, what=f"can't be read ({error})")) from error
    return weights_hash(arrays), {name: int(header[name]) for name in SIZES}
