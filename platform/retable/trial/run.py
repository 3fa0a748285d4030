"""A worker's view of where its trial runs, implemented by Ray Train's workers and by the local runner."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from retable.trial.learner import Score

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class WorkerThroughput:
    """Throughput of a worker, over the updates since its last report.

    Attributes:
        step_seconds: wall seconds of an update, waiting for data and for the other workers included.
        data_seconds: seconds of them that it spent on its batches.
        samples_per_second: real videos or images that the whole worker group trains on in a second.
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
        fingerprint: identity of the data set's content, as in the trials' signatures.
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
        """Report the metrics of an iteration to the orchestrator. Every rank calls it, at the same iterations."""
        ...

    def report_throughput(self, iteration: int, throughput: WorkerThroughput) -> None:
        """Report this worker's throughput to monitoring: every rank, every few iterations."""
        ...

    def scored(self, iteration: int, scores: Mapping[str, Score], seconds: float) -> None:
        """Report the scores of an evaluation and its wall seconds to monitoring: every rank."""
        ...

    def should_stop(self) -> bool:
        """True if the orchestrator asked this trial to save and return."""
        ...

    def saved(self) -> None:
        """Send the checkpoint that rank 0 has saved to the other nodes."""
        ...

    def fetch(self) -> None:
        """Fetch the checkpoint that rank 0 saved to this node, before it is read."""
        ...
