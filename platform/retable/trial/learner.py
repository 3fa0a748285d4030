"""A model family in training, and its scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class Score:
    """Value of a metric. The key that it is stored under is the name of its protocol.

    Attributes:
        value: mean over the protocol's evaluation repeats.
        std: population standard deviation over those repeats (the papers' ±); None with one repeat.
        repeats: evaluation repeats behind the mean.
    """

    value: float
    std: float | None = None
    repeats: int = 1


@dataclass(frozen=True)
class Best:
    """Criterion of the best snapshot: a family of metrics such as ``is``, and the better end."""

    metric: str
    mode: Literal["max", "min"]


class Learner(Protocol):
    """One model family in training. It knows no files, ranks or trackers, and its step never syncs."""

    best: ClassVar[Best]

    def step(self, iteration: int) -> Mapping[str, "torch.Tensor"]:
        """One update of everything, on the global batch of that iteration.

        Returns scalars by name (losses, gradient norms): this worker's share, detached, on the device.
        """
        ...

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """Scores by protocol name; all ranks call it and get the same. `final` asks for the full protocol."""
        ...

    def samples(self) -> "np.ndarray | None":
        """Preview, the same at every call: uint8 clips (N, T, C, H, W); None if there is none."""
        ...

    def state(self) -> dict[str, Any]:
        """Tensors and plain data (nested dicts and lists) that training resumes from, to the bit."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` gave."""
        ...
