"""C3D with weights that somebody else trained: the judge of the TGANv2 paper, once a user brings it. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from safetensors import SafetensorError, safe_open

from retable.data.spec import ClipSpec
from retable.metrics.brought import weights_hash
from retable.metrics.resize import Resize
from retable.published import Label
from retable.trial import TrialConfig

if TYPE_CHECKING:
    from retable.ddp import Workers
    from retable.run import Run
    from trainables.classifiers.brought_step import BroughtC3DLearner
    from trainables.classifiers.networks import CentredC3D

FORMAT = "retable c3d "
"""What the file's header calls itself, with the preprocessing behind it."""

Preprocessing = Literal["code", "paper"]
PIPELINES: Mapping[Preprocessing, tuple[Resize, int]] = {
    "code": (Resize("bilinear", 112), 8),
    "paper": (Resize("bicubic", 128, crop=112), 21 + 8),
}
"""How a frame becomes 112 × 112, and the left edge of the mean's 112 columns of 171."""

BAD_FILE = "{file} {what}; make it with `python -m trainables.classifiers.convert` (docs/classifier.md)"


@dataclass(frozen=True, kw_only=True)
class BroughtC3D(TrialConfig):
    """A C3D that is not trained here: its trial takes its accuracy on the test split, and that is all.

    Attributes:
        weights: hash of the network's weights, its mean clip among them (`retable.metrics.brought.weights_hash`).
        classes: that it tells apart; the data set must have as many.
        preprocessing: ``code`` resizes frames straight to 112 × 112, as TGANv2's evaluation does; ``paper`` resizes
            to 128 × 128 and cuts the centre, as TGANv1's, which the paper refers to.
        data: clips that the accuracy is taken on. They are as large as the paper's models make them, so that they go
            through the same resizing.
        batch_size: clips judged at once, over all workers.
    """

    trainable: ClassVar[str] = "c3d"
    iterations: int = 1
    batch_size: int = 32
    snapshot_every: int = 1
    weights: str
    classes: int
    preprocessing: Preprocessing = "code"
    data: ClipSpec = field(default_factory=ClipSpec)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.weights) != 64 or not set(self.weights) <= set("0123456789abcdef"):
            raise ValueError(f"weights must be a SHA-256 in 64 hex digits, but got {self.weights!r}")
        if self.preprocessing not in PIPELINES:
            raise ValueError(
                f"preprocessing must be one of {tuple(PIPELINES)}, but got {self.preprocessing!r}"
            )

    @classmethod
    def of(cls, file: Path) -> Self:
        """The classifier in a file that `trainables.classifiers.convert` made.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file.
        """
        if not file.is_file():
            raise FileNotFoundError(BAD_FILE.format(file=file, what="is no file"))
        stat = file.stat()
        weights, classes, preprocessing = _read(file, stat.st_mtime_ns, stat.st_size)
        return cls(weights=weights, classes=classes, preprocessing=preprocessing)

    @property
    def resize(self) -> Resize:
        """How frames of any size become 112 × 112."""
        return PIPELINES[self.preprocessing][0]

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters for tables and the tracker."""
        return {"weights": self.weights[:6], "preprocessing": self.preprocessing}

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the test split, and see that the classifier can be right about it.

        Raises:
            ValueError: the data set has other classes.
        """
        from retable.data.clips import Clips

        clips = Clips(data, self.data, "test", 0, progress=progress)
        if len(clips.classes) != self.classes:
            raise ValueError(
                f"the classifier that was brought tells {self.classes} classes apart, but the data set in {data} has "
                f"{len(clips.classes)}; leave --classifier out to train one on it"
            )
        return clips.notice

    def build(self, seed: int, run: "Run", workers: "Workers") -> "BroughtC3DLearner":
        """The learner, which learns nothing, on this worker."""
        from trainables.classifiers.brought_step import BroughtC3DLearner

        return BroughtC3DLearner(self, run, workers)

    def classifier(self, state: Mapping[str, Any]) -> "CentredC3D":
        """The network of its learner's state, as the metrics ask for it."""
        from trainables.classifiers.networks import CentredC3D

        return CentredC3D.of(state["network"], left=PIPELINES[self.preprocessing][1])


@lru_cache(maxsize=4)
def _read(file: Path, changed: int, size: int) -> tuple[str, int, Preprocessing]:
    """Hash, number of classes and preprocessing of a file; the stamps are there so that a new file is read again."""
    try:
        with safe_open(file, framework="numpy") as opened:
            called = (opened.metadata() or {}).get("format", "")
            known = [one for one in PIPELINES if called == FORMAT + one]
            if not known:
                raise ValueError(BAD_FILE.format(file=file, what="is not a converted C3D"))
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no dict)
    except SafetensorError as error:
        raise ValueError(BAD_FILE.format(file=file, what=f"can't be read ({error})")) from error
    return weights_hash(arrays), len(arrays["c3d.fc8.bias"]), known[0]
