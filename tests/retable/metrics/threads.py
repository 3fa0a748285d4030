"""Threads that act as the workers of a worker group."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from retable.trial.distributed import Workers


@dataclass
class Exchange:
    """Tensors that threads exchange when they act as workers."""

    size: int
    barrier: threading.Barrier = field(init=False)
    tensors: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.barrier = threading.Barrier(
            self.size, timeout=900
        )  # of a worker group that lost one of its threads


@dataclass(frozen=True)
class Threads(Workers):
    """Workers of one process, which gather through a shared exchange."""

    exchange: Exchange = field(default_factory=lambda: Exchange(1))

    def gather(self, tensor: Tensor) -> Tensor:
        self.exchange.tensors[self.rank] = tensor
        self.exchange.barrier.wait()
        joined = torch.cat([self.exchange.tensors[rank] for rank in range(self.size)])
        self.exchange.barrier.wait()
        return joined

    def mean(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        return {name: float(self.gather(value.double()[None]).mean()) for name, value in values.items()}
