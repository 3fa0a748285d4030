"""What a trial may ask of where it runs, and what the loop may ask of a trial.

Ray Train's workers and the local runner each implement `Run`; each model family implements `Learner`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch

    from retable.mirror import Mirror
    from retable.trial import Trial


@dataclass(frozen=True)
class Score:
    """A metric's value. The name that it is filed under is its protocol.

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
    """Which metric chooses the best snapshot: a family such as ``is``, and which end is better."""

    metric: str
    mode: Literal["max", "min"]


@dataclass(frozen=True)
class Pace:
    """How fast a worker is, over the updates since it last said so.

    Attributes:
        step_seconds: wall seconds of an update, with what this worker waited for its data and for the others.
        data_seconds: those of them that it spent on getting its batches.
        samples_per_second: real videos or images that the whole gang is fed in a second.
        memory_mb: most MiB that tensors took on its GPU in this attempt; None on the CPU.
    """

    step_seconds: float
    data_seconds: float
    samples_per_second: float
    memory_mb: float | None = None


class Run(Protocol):
    """One worker's view of where a trial runs.

    Attributes:
        rank: this worker's number in the gang, from 0.
        world_size: workers in the gang.
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

    def paced(self, iteration: int, pace: Pace) -> None:
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
        """Something to look at, the same at every call: uint8 clips (N, T, C, H, W); None if there is nothing."""
        ...

    def state(self) -> dict[str, Any]:
        """Tensors and plain data (nested dicts and lists) that training resumes from, to the bit."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` gave."""
        ...


@dataclass(frozen=True)
class Assignment:
    """All that a worker needs to know of the attempt that it serves; sent to workers, never stored.

    Attributes:
        folder: the trial's folder.
        data: root of the data set.
        required: signature -> folder of each finished trial that this one requires.
        split: parts that this attempt cuts each micro-batch into, for want of memory (`retable.failures`).
        storage: URL that the folders are copies of (`retable.mirror`); None where all nodes share them.
        where: its workers are, for people.
        labels: what people know the trial by: its ``study``, ``scale`` and ``cell``, the first table row that it fills.
    """

    trial: "Trial"
    folder: Path
    data: Path
    attempt: int
    required: Mapping[str, Path]
    split: int = 1
    storage: str | None = None
    where: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def stop_request(self) -> Path:
        """A file whose existence asks this attempt to save and return."""
        return self.folder / f"stop-{self.attempt}"


@dataclass
class AssignedRun:
    """A `Run` over an assignment: what the local runner and a Ray Train worker have in common."""

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
        """Nothing to tell anybody: the outbox has it."""

    def paced(self, iteration: int, pace: Pace) -> None:
        """Nobody watches."""

    def scored(self, iteration: int, scores: Mapping[str, Score], seconds: float) -> None:
        """Nobody watches."""

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
