"""Damaged files and folders of a trial are moved aside, never deleted."""

import contextlib
import os
from pathlib import Path

from retable.io.files import make_folder
from retable.store.formats.layout import TrialFolder


def quarantine(folder: Path, path: Path) -> Path:
    """Move a damaged file or folder of a trial into the trial's quarantine.

    Another process may have moved it already: then nothing happens.

    Args:
        folder: the trial's folder.
        path: the damaged file or folder in it.

    Returns:
        Its new place.
    """
    place = TrialFolder(folder).quarantine
    make_folder(place)
    number = 1
    while (goal := place / f"{path.name}-{number}").exists():
        number += 1
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, goal)
    return goal
