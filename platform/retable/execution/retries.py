"""Causes of failures, and the rules for retries: which failed trials are begun again, and how."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from retable.data.decode.errors import DataError
from retable.io.files import DiskFull
from retable.store.records import Attempt, TrialRecord

Cause = Literal["out_of_memory", "lost", "preempted", "disk", "data", "code"]
"""A failure's class:

- ``out_of_memory``: of the host or the device. Begun again with half the micro-batch, as often as `Retries` says.
- ``lost``: a worker, a node or the driver went away. Begun again from the checkpoint.
- ``preempted``: a node was taken away with notice. Begun again from the checkpoint, and counted for itself.
- ``disk``: there was no room for a file. The next run begins it again.
- ``data``: the data set can't be trained on. Begun again only when asked.
- ``code``: any other error. Begun again only when asked.
"""

CAUSES: tuple[Cause, ...] = get_args(Cause)

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""Text of a RuntimeError of torch's allocators, cuDNN and cuBLAS."""


def cause_of(error: BaseException) -> Cause:
    """The class of an error that ended an attempt, from the error or its causes."""
    for one in _chain(error):
        if isinstance(one, MemoryError):
            return "out_of_memory"
        if isinstance(one, RuntimeError) and any(words in str(one).lower() for words in _NO_MEMORY):
            return "out_of_memory"
        if isinstance(one, DiskFull):
            return "disk"
        if isinstance(one, DataError):
            return "data"
    return "code"


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Rules for failed trials. Machine settings: they never change a trial's identity.

    A trial that collapsed is finished, and is never among these.

    Attributes:
        out_of_memory: most times that a trial's micro-batch is halved.
        lost: most times, in one run, that a trial is begun again after its workers were lost, without having reached
            another snapshot in between. The next run counts from 0.
        preempted: the same for nodes that were taken away with notice.
        requested: classes whose failed trials this run begins again, as they were declared.
    """

    out_of_memory: int = 1
    lost: int = 2
    preempted: int = 10
    requested: frozenset[Cause] = frozenset()

    def __post_init__(self) -> None:
        for name in ("out_of_memory", "lost", "preempted"):
            if getattr(self, name) < 0:
                raise ValueError(f"retries of {name} must be at least 0, but got {getattr(self, name)}")

    @property
    def most(self) -> int:
        """Attempts that one run may make at one trial."""
        return 2 + self.out_of_memory + self.lost

    def take_up(self, record: TrialRecord) -> bool:
        """True if a run that starts now begins a failed trial."""
        cause = failure_class(record.attempts[-1])
        return cause in self.requested or cause in ("lost", "preempted", "disk") or self._halve(record)

    def try_again(self, record: TrialRecord, since: int, snapshot_every: int = 1) -> bool:
        """True if the run in which an attempt has just failed, or was preempted, restarts the trial.

        Args:
            since: number of the trial's first attempt in this run.
            snapshot_every: iterations between two of the trial's snapshots.
        """
        here = _fruitless([a for a in record.attempts if a.number >= since], snapshot_every)
        if here[-1].cause == "preempted":
            return sum(attempt.cause == "preempted" for attempt in here) <= self.preempted
        if failure_class(here[-1]) == "lost":
            return sum(failure_class(attempt) == "lost" for attempt in here) <= self.lost
        return self._halve(record)

    def _halve(self, record: TrialRecord) -> bool:
        last = failure_class(record.attempts[-1])
        return last == "out_of_memory" and len(_out_of_memory(record.attempts)) <= self.out_of_memory


def split_for(record: TrialRecord, micro_batch: int, workers: int, *, afresh: bool) -> int | None:
    """Parts that the next attempt cuts each micro-batch into, so that a worker holds at most half of what did not fit.

    With enough workers more than before it is 1, and the numbers are those that were asked for. Otherwise a trial
    whose batch statistics are those of a micro-batch gets others; its result says so.

    Args:
        record: the trial; the attempts since the last that took its micro-batches whole count.
        micro_batch: samples, over all workers.
        workers: of the next attempt.
        afresh: whether to try whole micro-batches again, although they did not fit before.

    Returns:
        The smallest number of parts; None if one sample a worker was too much already, or they can't be shared out.
    """
    known = () if afresh else _out_of_memory(record.attempts)
    failed = [micro_batch / (one.split * one.workers) for one in known]
    most = min(failed) / 2 if failed else micro_batch
    for split in range(1, micro_batch // workers + 1):
        if micro_batch % (split * workers) == 0 and micro_batch / (split * workers) <= most:
            return split
    return None


def failure_class(attempt: Attempt) -> Cause | None:
    """The class of a failed attempt; None of another. An attempt that was replaced was lost."""
    if attempt.state != "failed":
        return None
    if attempt.cause == "replaced":
        return "lost"
    return next((cause for cause in CAUSES if cause == attempt.cause), "code")


def _fruitless(attempts: Sequence[Attempt], snapshot_every: int) -> Sequence[Attempt]:
    """The last attempts, from the one that reached the latest snapshot on."""
    most = first = 0
    for at, attempt in enumerate(attempts):
        if attempt.iteration // snapshot_every > most:
            most, first = attempt.iteration // snapshot_every, at
    return attempts[first:]


def _out_of_memory(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Attempts that ran out of memory since the last one with whole micro-batches, which is included."""
    whole = max((at for at, attempt in enumerate(attempts) if attempt.split == 1), default=0)
    return [attempt for attempt in attempts[whole:] if failure_class(attempt) == "out_of_memory"]
