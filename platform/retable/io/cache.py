"""The cache folder: scans, decoded shards and the embedded data sets. All of it may be deleted; it is made again.

Entries are built under a lock (`retable.io.locks`), which only saves work: each is renamed into place whole, so that a file
system without locks costs a second build and breaks nothing.
"""

import os
from pathlib import Path

import platformdirs


def cache_folder(given: Path | None = None) -> Path:
    """The folder given, else the one named by the variable RETABLE_CACHE, else the user's cache folder."""
    if given is not None:
        return given
    named = os.environ.get("RETABLE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("retable")
