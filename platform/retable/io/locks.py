"""Locks between processes, as files. The kernel releases a lock when its holder ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retable.io.files import make_folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock; wait until it is free. Parent folders are made."""
    make_folder(path.parent)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held(path: Path, refusal: str) -> Iterator[None]:
    """Hold the lock, or raise if another process holds it. Parent folders are made.

    Args:
        refusal: message of the error.

    Raises:
        BlockingIOError: another process holds it.
    """
    make_folder(path.parent)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(refusal) from error
        yield
