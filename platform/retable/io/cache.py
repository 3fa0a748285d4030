"""The cache folder: scans, decoded shards and the embedded set. All of it can be deleted and is made again.

What is built here is built under a lock (`retable.io.locks`), which only spares work: it is renamed into place whole, so that
a file system without locks costs a second build and not a broken one.
"""

import os
from pathlib import Path

import platformdirs


def cache_folder(given: Path | None = None) -> Path:
    """The folder given, else the one that the variable RETABLE_CACHE names, else the user's cache folder."""
    if given is not None:
        return given
    named = os.environ.get("RETABLE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("retable")
