"""Locks between processes, as files. The kernel lets go of one when its holder ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retable.io.files import make_folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock, waiting for whoever has it. Parent folders are made."""
    make_folder(path.parent)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held(path: Path, refusal: str) -> Iterator[None]:
    """Hold the lock, or say that another process has it. Parent folders are made.

    Args:
        refusal: what the error says.

    Raises:
        BlockingIOError: another process has it.
    """
    make_folder(path.parent)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(refusal) from error
        yield
