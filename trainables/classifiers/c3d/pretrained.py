"""Config of a pretrained C3D, such as the TGANv2 paper's own classifier from a user's file. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from retable.data.decode.spec import ClipSpec
from retable.evaluation.pretrained import PretrainedConfig, read_weights
from retable.evaluation.resize import Resize
from retable.trial.identity import Label

if TYPE_CHECKING:
    from trainables.classifiers.c3d.network import CentredC3D

FORMAT = "retable c3d "
"""Beginning of the format in the file's header; the preprocessing follows."""

Preprocessing = Literal["code", "paper"]
PIPELINES: Mapping[Preprocessing, tuple[Resize, int]] = {
    "code": (Resize("bilinear", 112), 8),
    "paper": (Resize("bicubic", 128, crop=112), 21 + 8),
}
"""How a frame becomes 112 × 112, and the left edge of the mean's 112 columns of 171."""

LAST = "c3d.fc8.bias"
"""It has a value for each class."""

REMEDY = "make it with `python -m trainables.classifiers.c3d.convert` (docs/classifier.md)"


@dataclass(frozen=True, kw_only=True)
class PretrainedC3D(PretrainedConfig):
    """A C3D that is not trained here: its trial only takes its accuracy on the test split.

    Attributes:
        weights: hash of the network's weights, its mean clip among them (`retable.evaluation.pretrained.weights_hash`).
        classes: number of classes, which must be the data set's.
        preprocessing: ``code`` resizes frames straight to 112 × 112, as TGANv2's evaluation does; ``paper`` resizes
            to 128 × 128 and cuts the centre, as TGANv1's, which the paper refers to.
        data: clips that the accuracy is taken on. They are as large as the paper's models make them, so that they go
            through the same resizing.
    """

    trainable: ClassVar[str] = "c3d"
    learner: ClassVar[str] = "trainables.classifiers.c3d.learner:PretrainedC3DLearner"
    batch_size: int = 32
    classes: int
    preprocessing: Preprocessing = "code"
    data: ClipSpec = field(default_factory=ClipSpec)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.preprocessing not in PIPELINES:
            raise ValueError(
                f"preprocessing must be one of {tuple(PIPELINES)}, but got {self.preprocessing!r}"
            )

    @classmethod
    def of(cls, file: Path) -> Self:
        """The classifier in a file that `trainables.classifiers.c3d.convert` made.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file.
        """
        weights = read_weights(file, REMEDY)
        called = weights.header.get("format")
        for preprocessing in PIPELINES:
            if called == FORMAT + preprocessing and LAST in weights.shapes:
                (classes,) = weights.shapes[LAST]
                return cls(weights=weights.hash, classes=classes, preprocessing=preprocessing)
        raise ValueError(f"{file} is not a converted C3D; {REMEDY}")

    @property
    def resize(self) -> Resize:
        """Resizing of frames of any size to 112 × 112."""
        return PIPELINES[self.preprocessing][0]

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters for tables and the tracker."""
        return {**super().labels(), "preprocessing": self.preprocessing}

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the test split, and check that the classifier has its classes.

        Raises:
            ValueError: the data set has other classes.
        """
        from retable.data.samples.clips import Clips

        clips = Clips(data, self.data, "test", 0, progress=progress)
        if len(clips.classes) != self.classes:
            raise ValueError(
                f"the pretrained classifier tells {self.classes} classes apart, but the data set in {data} has "
                f"{len(clips.classes)}; leave --classifier out to train one on it"
            )
        return clips.notice

    def classifier(self, state: Mapping[str, Any]) -> "CentredC3D":
        """The network of its learner's state."""
        from trainables.classifiers.c3d.network import CentredC3D

        return CentredC3D.of(state["network"], left=PIPELINES[self.preprocessing][1])
