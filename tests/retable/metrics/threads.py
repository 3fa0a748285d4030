"""Threads that act as the workers of a worker group."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from retable.trial.distributed import Workers


@dataclass
class LiveView:
    """Where threads that act as workers meet."""

    size: int
    barrier: threading.Barrier = field(init=False)
    parts: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.barrier = threading.Barrier(
            self.size, timeout=900
        )  # of a worker group that lost one of its threads


@dataclass(frozen=True)
class Threads(Workers):
    """Workers in one process: gather through a board that all of them see."""

    board: LiveView = field(default_factory=lambda: LiveView(1))

    def gather(self, tensor: Tensor) -> Tensor:
        self.board.parts[self.rank] = tensor
        self.board.barrier.wait()
        joined = torch.cat([self.board.parts[rank] for rank in range(self.size)])
        self.board.barrier.wait()
        return joined

    def mean(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        return {name: float(self.gather(value.double()[None]).mean()) for name, value in values.items()}
