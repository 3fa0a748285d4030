"""A trial whose work falls into pieces that any process can do, such as encoding a data set. No torch, no Ray."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from retable.run import Run


class Pieces(Protocol):
    """Work that is done piece by piece, in any order and by any number of processes at once."""

    def missing(self) -> Sequence[int]:
        """The pieces that are not done yet, whoever did the others."""
        ...

    def write(self, piece: int) -> None:
        """Do a piece: whole or not at all, and the same whoever does it.

        Raises:
            retable.fence.Fenced: the attempt was replaced by a later one.
        """
        ...


@runtime_checkable
class InPieces(Protocol):
    """Config of such a trial. Its learner does what is still missing when it evaluates."""

    def pieces(self, seed: int, run: "Run") -> Pieces:
        """The work of the trial of that seed, as this process sees it."""
        ...

    def progress(self, folder: "Path") -> str:
        """How far the work in a trial's folder is, such as ``3 of 8 shards``; empty before its first piece."""
        ...
