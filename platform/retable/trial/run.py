"""What a trial may ask of where it runs, and what the loop may ask of a trial.

Ray Train's workers and the local runner each implement `Run`; each model family implements `Learner`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from retable.trial.learner import Score

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class WorkerThroughput:
    """How fast a worker is, over the updates since it last said so.

    Attributes:
        step_seconds: wall seconds of an update, with what this worker waited for its data and for the others.
        data_seconds: those of them that it spent on getting its batches.
        samples_per_second: real videos or images that the whole worker group is fed in a second.
        memory_mb: most MiB that tensors took on its GPU in this attempt; None on the CPU.
    """

    step_seconds: float
    data_seconds: float
    samples_per_second: float
    memory_mb: float | None = None


class Run(Protocol):
    """One worker's view of where a trial runs.

    Attributes:
        rank: this worker's number in the worker group, from 0.
        world_size: workers in the worker group.
        device: where tensors go.
        folder: the trial's folder, the same for all ranks (a local or a shared path).
        data: root of the data set, in UCF101's layout.
        fingerprint: what is in the data set, as the trials' signatures have it.
        attempt: number of this attempt in the ledger, from 1; an attempt that was replaced may not write.
    """

    @property
    def rank(self) -> int: ...
    @property
    def world_size(self) -> int: ...
    @property
    def device(self) -> "torch.device": ...
    @property
    def folder(self) -> Path: ...
    @property
    def data(self) -> Path: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def attempt(self) -> int: ...

    def required(self, signature: str) -> Path:
        """Folder of a finished trial that this one requires."""
        ...

    def report(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Tell the orchestrator how far this trial is. Every rank calls it, at the same iterations."""
        ...

    def report_throughput(self, iteration: int, pace: WorkerThroughput) -> None:
        """Tell who watches how fast this worker is: every rank, every few iterations. It changes nothing."""
        ...

    def scored(self, iteration: int, scores: Mapping[str, Score], seconds: float) -> None:
        """Tell who watches what an evaluation found, and its wall seconds: every rank. It changes nothing."""
        ...

    def should_stop(self) -> bool:
        """Whether the orchestrator asked this trial to save and return."""
        ...

    def saved(self) -> None:
        """Rank 0 has saved a checkpoint: other nodes are to see it."""
        ...

    def fetch(self) -> None:
        """A checkpoint that rank 0 saved is to be read: it is brought to this node."""
        ...
