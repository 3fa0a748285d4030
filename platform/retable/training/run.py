"""The run of an assigned attempt: folder, rank and device of one worker, and the requests that reach it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from retable.store.assignment import Assignment
from retable.trial.learner import Score
from retable.trial.run import WorkerThroughput

if TYPE_CHECKING:
    import torch

    from retable.store.mirror import Mirror


@dataclass
class AssignedRun:
    """A `Run` over an assignment: the base of the local runner's and of a Ray Train worker's."""

    assignment: Assignment
    rank: int
    world_size: int
    device: "torch.device"
    mirror: "Mirror | None" = field(default=None, kw_only=True)

    @property
    def folder(self) -> Path:
        return self.assignment.folder

    @property
    def data(self) -> Path:
        return self.assignment.data

    @property
    def fingerprint(self) -> str:
        return self.assignment.trial.data

    @property
    def attempt(self) -> int:
        return self.assignment.attempt

    def required(self, signature: str) -> Path:
        """Folder of a finished trial that this one requires.

        Raises:
            KeyError: the plan did not list that trial.
        """
        if signature not in self.assignment.required:
            raise KeyError(f"trial {signature} is not among the required {sorted(self.assignment.required)}")
        return self.assignment.required[signature]

    def report(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Nothing to do: the metrics log has it."""

    def report_throughput(self, iteration: int, throughput: WorkerThroughput) -> None:
        """Nothing to do."""

    def scored(self, iteration: int, scores: Mapping[str, Score], seconds: float) -> None:
        """Nothing to do."""

    def should_stop(self) -> bool:
        if self.mirror is not None and self.rank == 0:
            self.mirror.exchange(self.attempt)
        return self.assignment.stop_request.exists()

    def saved(self) -> None:
        if self.mirror is not None:
            self.mirror.push(self.attempt)

    def fetch(self) -> None:
        if self.mirror is not None and self.rank != 0:
            self.mirror.fetch()
