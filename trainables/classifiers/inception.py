"""Inception-v3 with the weights that FID is defined by, once a user brings them. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from safetensors import SafetensorError, safe_open

from retable.data.image_spec import ImageSpec
from retable.metrics.brought import weights_hash
from retable.metrics.resize import Untouched
from retable.published import Label
from retable.trial import TrialConfig

if TYPE_CHECKING:
    from retable.ddp import Workers
    from retable.run import Run
    from trainables.classifiers.inception_network import InceptionV3
    from trainables.classifiers.inception_step import InceptionLearner

FORMAT = "retable inception-v3"
"""What the file's header calls itself."""

BAD_FILE = (
    "{file} {what}; make it with `python -m trainables.classifiers.convert_inception` (docs/inception.md)"
)


@dataclass(frozen=True, kw_only=True)
class Inception(TrialConfig):
    """torch-fidelity's Inception-v3, not trained here. It needs the extra `inception`.

    It does not know the data's classes, so its trial takes no accuracy: it takes the Inception score of held-out images,
    which is far above 1 where the weights are what they should be.

    Attributes:
        weights: hash of the network's weights (`retable.metrics.brought.weights_hash`).
        data: images that the score is taken on.
        scored: how many of them at most, spread over the split.
        batch_size: images judged at once, over all workers.
    """

    trainable: ClassVar[str] = "inception"
    iterations: int = 1
    batch_size: int = 32
    snapshot_every: int = 1
    weights: str
    data: ImageSpec
    scored: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.weights) != 64 or not set(self.weights) <= set("0123456789abcdef"):
            raise ValueError(f"weights must be a SHA-256 in 64 hex digits, but got {self.weights!r}")
        if self.scored < 1:
            raise ValueError(f"scored must be at least 1, but got {self.scored}")

    @classmethod
    def of(cls, file: Path, data: ImageSpec) -> Self:
        """The network in a file that `trainables.classifiers.convert_inception` made.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file.
        """
        if not file.is_file():
            raise FileNotFoundError(BAD_FILE.format(file=file, what="is no file"))
        stat = file.stat()
        return cls(weights=_read(file, stat.st_mtime_ns, stat.st_size), data=data)

    @property
    def resize(self) -> Untouched:
        """The network resizes to 299 × 299 itself, bilinearly as TensorFlow 1 did, without antialiasing."""
        return Untouched("tfbilinear299")

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters for tables and the tracker."""
        return {"weights": self.weights[:6]}

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """See that the extra is installed, and decode the test split.

        Raises:
            ValueError: the extra `inception` is not installed, or does not work.
        """
        from retable.data.images import Images
        from trainables.classifiers.inception_network import extractor_class

        extractor_class()
        return Images(data, self.data, "test", 0, progress=progress).notice

    def build(self, seed: int, run: "Run", workers: "Workers") -> "InceptionLearner":
        """The learner, which learns nothing, on this worker."""
        from trainables.classifiers.inception_step import InceptionLearner

        return InceptionLearner(self, run, workers)

    def classifier(self, state: Mapping[str, Any]) -> "InceptionV3":
        """The network of its learner's state, as the metrics ask for it."""
        from trainables.classifiers.inception_network import InceptionV3

        return InceptionV3.of(state["network"])


@lru_cache(maxsize=4)
def _read(file: Path, changed: int, size: int) -> str:
    """Hash of a file's weights; the stamps are there so that a new file is read again."""
    try:
        with safe_open(file, framework="numpy") as opened:
            if (opened.metadata() or {}).get("format", "") != FORMAT:
                raise ValueError(BAD_FILE.format(file=file, what="is not a converted Inception-v3"))
            return weights_hash({name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(BAD_FILE.format(file=file, what=f"can't be read ({error})")) from error
