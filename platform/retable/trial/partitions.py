"""Trials whose work falls into partitions that any process can do, such as encoding a data set. No torch, no Ray."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from retable.trial.run import Run


class Partitions(Protocol):
    """Work that is done partition by partition, in any order and by any number of processes at once."""

    def missing(self) -> Sequence[int]:
        """Numbers of the partitions that no process has done yet."""
        ...

    def write(self, partition: int) -> None:
        """Do a partition: whole or not at all, with the same result in every process.

        Raises:
            retable.store.fence.Fenced: the attempt was replaced by a later one.
        """
        ...

    def seconds(self) -> float:
        """Worker-seconds of all partitions, once all are done.

        Each counts once, with the wall seconds of the process that did it, in whichever attempt. Time spent on partitions
        that were not finished is lost, as steps after the last checkpoint are.
        """
        ...


@runtime_checkable
class PartitionedConfig(Protocol):
    """Config of such a trial, whose learner is a `PartitionedLearner`."""

    def partitions(self, seed: int, run: "Run") -> Partitions:
        """Return the work of the trial of that seed, as this process sees it."""
        ...

    def progress(self, folder: "Path") -> str:
        """Progress of the work in a trial's folder, such as ``3 of 8 shards``; empty before its first partition."""
        ...


@runtime_checkable
class PartitionedLearner(Protocol):
    """Learner of such a trial. The loop does what is still missing before it asks for scores."""

    @property
    def partitions(self) -> Partitions: ...
