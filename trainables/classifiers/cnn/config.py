"""Config of a classifier of images. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from retable.data.decode.spec import ImageSpec
from retable.evaluation.resize import Resize
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.identity import Label
from trainables.classifiers.inception.config import Inception

if TYPE_CHECKING:
    from trainables.classifiers.cnn.network import ImageClassifier


@dataclass(frozen=True, kw_only=True)
class ImageClassifierConfig(TrialConfig):
    """A small convolutional network trained from scratch on a data set's train split, to score image GANs.

    The defaults suit the embedded images. It is our own, for the papers' classifiers are trained on images that are not here.

    Attributes:
        widths: channels of its stages; each has two convolutions and halves the maps.
        features: of the hidden linear layer, which FID, KID, precision and recall compare.
        data: images that it is trained on; their size is the network's input.
        lr: Adam's learning rate, decayed linearly from the first iteration to 0 at the last.
    """

    trainable: ClassVar[str] = "cnn"
    learner: ClassVar[str] = "trainables.classifiers.cnn.learner:ImageClassifierLearner"
    costs: ClassVar[str] = "trainables.classifiers.cnn.costs:step_cost"
    iterations: int = 1_200
    batch_size: int = 16
    snapshot_every: int = 300
    widths: tuple[int, ...] = (16, 32, 64, 64)
    features: int = 64
    data: ImageSpec = field(default_factory=lambda: ImageSpec(size=32))
    lr: float = 2e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features < 1 or min(self.widths, default=0) < 1:
            raise ValueError(
                f"features and widths must be at least 1, but got {self.features=} and {self.widths=}"
            )
        if self.data.size % 2 ** len(self.widths):
            raise ValueError(
                f"images must be a multiple of {2 ** len(self.widths)} pixels large for {len(self.widths)} stages that "
                f"halve them, but got {self.data.size}"
            )
        if self.lr <= 0:
            raise ValueError(f"lr must be positive, but got {self.lr}")

    @property
    def resize(self) -> Resize:
        """Images of other sizes reach the network's antialiased."""
        return Resize("bicubicaa", self.data.size)

    def with_weights(self, file: Path) -> Inception:
        """Return the pretrained Inception-v3 in a file that `trainables.classifiers.inception.convert` made."""
        return Inception.of(file, self.data)

    def learning_rate(self, iteration: int) -> float:
        """Adam's learning rate at an iteration, from 0."""
        return self.lr * (1 - iteration / self.iterations)

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters for tables and the tracker."""
        return {**super().labels(), "size": self.data.size, "features": self.features, "lr": self.lr}

    def cost_key(self) -> Mapping[str, object]:
        """Fields of the network."""
        return {"widths": list(self.widths), "features": self.features, "size": self.data.size}

    def bound_to_iterations(self) -> str:
        """The learning rate's decay."""
        return "the learning rate falls to 0 at the last iteration"

    @property
    def needs(self) -> DataNeeds:
        """Images of the network's size, of two classes or more."""
        remedy = (
            "bring labelled images, or Inception-v3 with --classifier FILE (docs/inception.md), or leave the tables out "
            "that it judges"
        )
        return replace(self.data.needs, classes=2, remedy=remedy)

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the images before any worker starts.

        Raises:
            DataError: the data set can't be trained on, or has no classes to tell apart.
        """
        from retable.data.decode.errors import DataError
        from retable.data.samples.images import prepare
        from retable.data.scan.catalog import scan
        from retable.planning.compatibility import too_few_classes

        if reason := too_few_classes(self.needs, scan(data)):
            raise DataError(reason)
        return prepare(data, self.data, progress)

    def network(self, classes: int) -> "ImageClassifier":
        """A fresh network for that many classes."""
        from trainables.classifiers.cnn.network import ImageClassifier

        return ImageClassifier(classes, self.widths, self.features)

    def classifier(self, state: Mapping[str, Any]) -> "ImageClassifier":
        """The network of a trained learner's state, as metrics use it."""
        network = self.network(len(state["network"]["logits.bias"]))
        network.load_state_dict(state["network"])
        return network
