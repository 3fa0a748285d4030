"""A trial whose work falls into pieces that any process can do, such as encoding a data set. No torch, no Ray."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from retable.trial.run import Run


class Partitions(Protocol):
    """Work that is done piece by piece, in any order and by any number of processes at once."""

    def missing(self) -> Sequence[int]:
        """The pieces that are not done yet, whoever did the others."""
        ...

    def write(self, piece: int) -> None:
        """Do a piece: whole or not at all, and the same whoever does it.

        Raises:
            retable.store.fence.Fenced: the attempt was replaced by a later one.
        """
        ...

    def seconds(self) -> float:
        """What all the pieces took, once all are done: worker-seconds, as if one worker had done one after the other.

        Each counts once, with the wall seconds of the process that did it, whichever attempt that was of. What was spent
        on pieces that were not finished is lost, as steps after the last checkpoint are.
        """
        ...


@runtime_checkable
class PartitionedConfig(Protocol):
    """Config of such a trial, whose learner is one `PartitionedLearner`."""

    def pieces(self, seed: int, run: "Run") -> Partitions:
        """The work of the trial of that seed, as this process sees it."""
        ...

    def progress(self, folder: "Path") -> str:
        """How far the work in a trial's folder is, such as ``3 of 8 shards``; empty before its first piece."""
        ...


@runtime_checkable
class PartitionedLearner(Protocol):
    """Learner of such a trial. The loop does what is still missing before it asks for scores."""

    @property
    def pieces(self) -> Partitions: ...
