"""Records of the ledger: a trial, the attempts at it, and the reasons why a trial can't begin."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from retable.environment.process import ProcessIdentity
from retable.errors import OptionError, RetableError
from retable.store.formats.result import Finished

State = Literal["missing", "running", "done", "collapsed", "failed", "stopped", "pruned"]
End = Literal["done", "collapsed", "failed", "stopped", "pruned"]
FINISHED: frozenset[str] = frozenset(get_args(Finished))
"""Final states: such a trial is trained again only when it was reopened. A pruned one was ended early by a decision: it
may go on from its checkpoint."""


class UnknownTrial(RetableError, LookupError):
    """The trial was never declared."""


class AlreadyDone(RetableError, RuntimeError):
    """The trial is finished and is not trained again."""


class LeaseHeld(RetableError, RuntimeError):
    """Another process works on the trial."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a trial, at the time it was read.

    Attributes:
        number: 1 for the trial's first. A lower one than the last is fenced.
        state: ``running`` only while the lease is alive; one whose owner is gone reads as failed, cause ``lost``.
        workers: size of the worker group.
        split: parts that each micro-batch of the config was cut into, for want of memory.
        began, ended: UTC, ISO 8601.
        seconds: wall time, up to the last sign of life.
        iteration: the last one that it recorded.
        result: the ledger's copy of the trial's ``result.json``; empty if it is damaged, None where there is none.
        cause: class of its failure, one word.
    """

    signature: str
    number: int
    state: State
    owner: ProcessIdentity
    workers: int
    split: int
    began: str
    ended: str | None
    seconds: float
    iteration: int
    result: Mapping[str, Any] | None
    cause: str | None
    message: str

    @property
    def worker_seconds(self) -> float:
        """Its cost: wall time × workers."""
        return self.seconds * self.workers


@dataclass(frozen=True)
class TrialRecord:
    """A trial and all attempts at it, first to last.

    Attributes:
        identity: the content that the signature is the hash of.
        name: of its last declaration.
    """

    signature: str
    name: str
    identity: Mapping[str, Any]
    attempts: tuple[Attempt, ...]

    @property
    def state(self) -> State:
        """The last attempt's, or ``missing``."""
        return self.attempts[-1].state if self.attempts else "missing"

    @property
    def result(self) -> Mapping[str, Any] | None:
        """The last attempt's result."""
        return self.attempts[-1].result if self.attempts else None

    @property
    def iteration(self) -> int:
        """The last iteration that the last attempt recorded."""
        return self.attempts[-1].iteration if self.attempts else 0

    @property
    def seconds(self) -> float:
        """Wall time of all attempts."""
        return sum(attempt.seconds for attempt in self.attempts)

    @property
    def worker_seconds(self) -> float:
        """The trial's cost, over all attempts."""
        return sum(attempt.worker_seconds for attempt in self.attempts)


def find(records: Collection[TrialRecord], beginning: str) -> TrialRecord:
    """The only trial whose signature begins with these digits.

    Raises:
        OptionError: there is none, or more than one.
    """
    found = [record for record in records if record.signature.startswith(beginning)]
    if len(found) != 1:
        raise OptionError(
            f"--trial must be the signature of one trial or its beginning, but {beginning!r} fits {len(found)} of "
            f"{len(records)}",
            remedy="`status` lists them",
        )
    return found[0]
