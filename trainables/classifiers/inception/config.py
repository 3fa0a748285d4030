"""Inception-v3 with the weights that FID is defined by, once a user brings them. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from retable.data.decode.spec import ImageSpec
from retable.evaluation.pretrained import check_hash, read_weights
from retable.evaluation.resize import Untouched
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.identity import Label

if TYPE_CHECKING:
    from trainables.classifiers.inception.network import InceptionV3

FORMAT = "retable inception-v3"
"""What the file's header calls itself."""

MEND = "make it with `python -m trainables.classifiers.inception.convert` (docs/inception.md)"


@dataclass(frozen=True, kw_only=True)
class Inception(TrialConfig):
    """torch-fidelity's Inception-v3, not trained here. It needs the extra `inception`.

    It does not know the data's classes, so its trial takes no accuracy: it takes the Inception score of held-out images,
    which is far above 1 where the weights are what they should be.

    Attributes:
        weights: hash of the network's weights (`retable.evaluation.pretrained.weights_hash`).
        data: images that the score is taken on.
        scored: how many of them at most, spread over the split.
        batch_size: images judged at once, over all workers.
    """

    trainable: ClassVar[str] = "inception"
    learner: ClassVar[str] = "trainables.classifiers.inception.learner:InceptionLearner"
    iterations: int = 1
    batch_size: int = 32
    snapshot_every: int = 1
    weights: str
    data: ImageSpec
    scored: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        check_hash(self.weights)
        if self.scored < 1:
            raise ValueError(f"scored must be at least 1, but got {self.scored}")

    @classmethod
    def of(cls, file: Path, data: ImageSpec) -> Self:
        """The network in a file that `trainables.classifiers.inception.convert` made.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file.
        """
        weights = read_weights(file, MEND)
        if weights.header.get("format") != FORMAT:
            raise ValueError(f"{file} is not a converted Inception-v3; {MEND}")
        return cls(weights=weights.hash, data=data)

    @property
    def resize(self) -> Untouched:
        """The network resizes to 299 × 299 itself, bilinearly as TensorFlow 1 did, without antialiasing."""
        return Untouched("tfbilinear299")

    @property
    def needs(self) -> DataNeeds:
        """Images of the size that is scored."""
        return self.data.needs

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters for tables and the tracker."""
        return {"weights": self.weights[:6]}

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
        """The network of its learner's state, as the metrics ask for it."""
        from trainables.classifiers.inception.network import InceptionV3

        return InceptionV3.of(state["network"])
