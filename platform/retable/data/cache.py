"""The cache folder: scans, decoded shards and the embedded set. All of it can be deleted and is made again."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs


def cache_folder(given: Path | None = None) -> Path:
    """The folder given, else the one that the variable RETABLE_CACHE names, else the user's cache folder."""
    if given is not None:
        return given
    named = os.environ.get("RETABLE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("retable")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file, waiting for whoever has it. The kernel frees it when its holder ends, however it ends.

    The lock only spares work: what is built under it is renamed into place whole, so that a file system
    without locks costs a second build and not a broken one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
