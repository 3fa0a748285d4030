"""Config of a C3D classifier. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from retable.data.decode.spec import ClipSpec
from retable.evaluation.resize import Resize
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.identity import Label
from trainables.classifiers.c3d.pretrained import PretrainedC3D

if TYPE_CHECKING:
    from trainables.classifiers.c3d.network import C3D


@dataclass(frozen=True, kw_only=True)
class C3DConfig(TrialConfig):
    """C3D trained from scratch on a data set's train split; the defaults are the paper's sizes for 112×112 clips.

    Attributes:
        widths: output channels of the eight convolutions.
        fc: features of each of the two hidden linear layers, which FID compares.
        data: clips that it is trained on; their size and frames are the network's input.
        lr: Adam's learning rate, decayed linearly from the first iteration to 0 at the last.
        warmup: iterations over which the learning rate also rises linearly from 0.
        beta2: Adam's decay of the mean squared gradient.
        dropout: probability of dropping a feature of fc6 and fc7.
    """

    trainable: ClassVar[str] = "c3d"
    learner: ClassVar[str] = "trainables.classifiers.c3d.learner:C3DLearner"
    costs: ClassVar[str] = "trainables.classifiers.c3d.costs:step_cost"
    iterations: int = 20_000
    batch_size: int = 30
    snapshot_every: int = 2_000
    widths: tuple[int, ...] = (64, 128, 256, 256, 512, 512, 512, 512)
    fc: int = 4096
    data: ClipSpec = field(default_factory=lambda: ClipSpec(size=112))
    lr: float = 1e-4
    warmup: int = 0
    beta2: float = 0.999
    dropout: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fc < 1 or min(self.widths, default=0) < 1:
            raise ValueError(f"fc and widths must be at least 1, but got {self.fc=} and {self.widths=}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), but got {self.dropout}")
        if self.lr <= 0:
            raise ValueError(f"lr must be positive, but got {self.lr}")
        if self.warmup < 0:
            raise ValueError(f"warmup must be at least 0 iterations, but got {self.warmup}")
        if not 0 <= self.beta2 < 1:
            raise ValueError(f"beta2 must be in [0, 1), but got {self.beta2}")

    @property
    def resize(self) -> Resize:
        """Frames of other sizes are resized straight to the network's, as TGANv2's code does."""
        return Resize("bilinear", self.data.size)

    def with_weights(self, file: Path) -> PretrainedC3D:
        """Return the pretrained C3D in a file that `trainables.classifiers.c3d.convert` made."""
        return PretrainedC3D.of(file)

    def learning_rate(self, iteration: int) -> float:
        """Adam's learning rate at an iteration, from 0."""
        decayed = self.lr * (1 - iteration / self.iterations)
        return decayed * min(1.0, (iteration + 1) / self.warmup) if self.warmup else decayed

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters for tables and the tracker."""
        own = {"size": self.data.size, "fc": self.fc, "lr": self.lr, "dropout": self.dropout}
        return {**super().labels(), **own}

    @property
    def needs(self) -> DataNeeds:
        """Videos as long as a training clip."""
        return self.data.needs

    def cost_key(self) -> Mapping[str, object]:
        """Everything that shapes the network, and whether it drops features."""
        return {
            "widths": list(self.widths),
            "fc": self.fc,
            "frames": self.data.frames,
            "size": self.data.size,
            "dropout": self.dropout > 0,
        }

    def bound_to_iterations(self) -> str:
        """The learning rate's decay."""
        return "the learning rate falls to 0 at the last iteration"

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the clips before any worker starts."""
        from retable.data.samples.clips import prepare

        return prepare(data, self.data, progress)

    def network(self, classes: int) -> "C3D":
        """A fresh network for that many classes."""
        from trainables.classifiers.c3d.network import C3D

        return C3D(classes, self.widths, self.fc, self.data.frames, self.data.size)

    def classifier(self, state: Mapping[str, Any]) -> "C3D":
        """The network of a trained learner's state, as metrics use it."""
        network = self.network(len(state["network"]["fc8.bias"]))
        network.load_state_dict(state["network"])
        return network
