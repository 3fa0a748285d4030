"""The parts of `retable.data.samples.images.Images` that both stages read, as Protocols."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class TrainingImages(Protocol):
    """Images that training reads."""

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """uint8 (N, 3, S, S) and labels (N,)."""
        ...


class HeldOutImages(Protocol):
    """Images that reconstructions are scored on."""

    @property
    def fingerprint(self) -> str: ...

    def __len__(self) -> int: ...

    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """uint8 (N, 3, S, S), not mirrored, and labels (N,)."""
        ...
