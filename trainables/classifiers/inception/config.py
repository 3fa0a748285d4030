"""Config of Inception-v3 with the weights that FID is defined by, from a user's file. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from retable.data.decode.spec import ImageSpec
from retable.evaluation.pretrained import PretrainedConfig, read_weights
from retable.evaluation.resize import Untouched
from retable.trial.config import DataNeeds

if TYPE_CHECKING:
    from trainables.classifiers.inception.network import InceptionV3

FORMAT = "retable inception-v3"
"""Format in the file's header."""

REMEDY = "make it with `python -m trainables.classifiers.inception.convert` (docs/inception.md)"


@dataclass(frozen=True, kw_only=True)
class Inception(PretrainedConfig):
    """torch-fidelity's Inception-v3, not trained here. It needs the extra `inception`.

    It does not know the data's classes, so its trial takes no accuracy: it takes the Inception score of held-out images,
    which is far above 1 where the weights are what they should be.

    Attributes:
        data: images that the score is taken on.
        scored: how many of them at most, spread over the split.
    """

    trainable: ClassVar[str] = "inception"
    learner: ClassVar[str] = "trainables.classifiers.inception.learner:InceptionLearner"
    batch_size: int = 32
    data: ImageSpec
    scored: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scored < 1:
            raise ValueError(f"scored must be at least 1, but got {self.scored}")

    @classmethod
    def of(cls, file: Path, data: ImageSpec) -> Self:
        """The network in a file that `trainables.classifiers.inception.convert` made.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file.
        """
        weights = read_weights(file, REMEDY)
        if weights.header.get("format") != FORMAT:
            raise ValueError(f"{file} is not a converted Inception-v3; {REMEDY}")
        return cls(weights=weights.hash, data=data)

    @property
    def resize(self) -> Untouched:
        """The network resizes to 299 × 299 itself, bilinearly as TensorFlow 1 did, without antialiasing."""
        return Untouched("tfbilinear299")

    @property
    def needs(self) -> DataNeeds:
        """Images of the size that is scored."""
        return self.data.needs

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """See that the extra is installed, and decode the test split.

        Raises:
            ValueError: the extra `inception` is not installed, or does not work.
        """
        from retable.data.samples.images import Images
        from trainables.classifiers.inception.network import extractor_class

        extractor_class()
        return Images(data, self.data, "test", 0, progress=progress).notice

    def classifier(self, state: Mapping[str, Any]) -> "InceptionV3":
        """The network of its learner's state."""
        from trainables.classifiers.inception.network import InceptionV3

        return InceptionV3.of(state["network"])
