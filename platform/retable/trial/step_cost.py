"""Cost of an update: operations, memory, and the number of GPUs that it needs. No torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MIB = 2**20

CONTEXT_MB = 800.0
"""MiB of a card that no tensor gets: the CUDA context with the kernels of torch and cuDNN, and NCCL's buffers. They take
between 0.4 and 0.8 GiB, by card and driver."""

USABLE = 0.92
"""Share of the rest that tensors may fill: the allocator rounds blocks up and leaves holes between them, and
convolutions ask for workspace. Neither is in a forecast."""


@dataclass(frozen=True)
class Line:
    """fixed + each · samples."""

    fixed: float
    each: float

    def at(self, samples: float) -> float:
        """The value for that many samples."""
        return self.fixed + self.each * samples

    @staticmethod
    def through(few: tuple[int, float], many: tuple[int, float]) -> "Line":
        """The line through two points (samples, value)."""
        each = (many[1] - few[1]) / (many[0] - few[0])
        return Line(few[1] - few[0] * each, each)


@dataclass(frozen=True)
class StepCost:
    """Cost of an update as a function of the samples of a micro-batch.

    Attributes:
        parameters: that are trained.
        macs: multiply-accumulates of a micro-batch: forward, backward, penalties, every network's turns.
        peak: bytes at the step's peak on a worker beside weights and Adam's moments: activations, gradients,
            temporary results.
    """

    parameters: int
    macs: Line
    peak: Line

    def gflops(self, batch_size: int, accumulate: int = 1) -> float:
        """Multiply-accumulates of one update in 10⁹, over all workers."""
        return (accumulate * self.macs.fixed + batch_size * self.macs.each) / 1e9

    def memory_mb(self, samples: int, workers: int = 1) -> float:
        """Peak MiB of each worker, without what kernels need for themselves.

        Args:
            samples: of a micro-batch, on this worker.
            workers: in the worker group. Two or more hold gradients once more, in the buckets that DDP sends.
        """
        resting = 16 + 4 * (workers > 1)  # bytes a parameter: weight, gradient, two moments, bucket
        peak = (resting - 4) * self.parameters + self.peak.at(samples)
        return max(resting * self.parameters, peak) / MIB

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(saved: Mapping[str, Any]) -> "StepCost":
        """The cost that `to_json` gave."""
        return StepCost(int(saved["parameters"]), Line(**saved["macs"]), Line(**saved["peak"]))


def room_mb(card_gb: float, share: float = 1) -> float:
    """MiB that tensors can fill on a card of so many GB (the trade's GB: 2^30 bytes), or on a share of it."""
    return USABLE * (card_gb * 1024 * min(share, 1) - CONTEXT_MB)


def gpus_for(cost: StepCost, micro_batch: int, card_gb: float) -> int | None:
    """The fewest GPUs of that size that share a micro-batch equally; None if even one sample on each does not fit."""
    for gpus in divisors(micro_batch):
        if cost.memory_mb(micro_batch // gpus, gpus) <= room_mb(card_gb):
            return gpus
    return None


def divisors(number: int) -> list[int]:
    """Divisors of a positive number, from 1 up."""
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
