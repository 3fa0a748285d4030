"""Locks between processes, as files. The kernel releases a lock when its holder ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retable.errors import RetableError
from retable.io.files import make_folder


class LockHeldError(RetableError, BlockingIOError):
    """Another process holds a lock."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock; wait until it is free. Parent folders are made."""
    make_folder(path.parent)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held(path: Path, problem: str, remedy: str) -> Iterator[None]:
    """Hold the lock, or say that another process has it. Parent folders are made.

    Args:
        problem, remedy: of the error.

    Raises:
        LockHeldError: another process has it.
    """
    make_folder(path.parent)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockHeldError(problem, remedy=remedy) from error
        yield
