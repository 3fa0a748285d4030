"""Folders of a data set: which are the user's, in which order they are walked, and which links are followed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from retable.data.decode.errors import DataError

RUBBISH = frozenset(
    name.casefold()
    for name in (
        "@eaDir", "#recycle", "@Recycle", "@Recently-Snapshot", "#snapshot", "~snapshot", "__MACOSX", "lost+found",
        "$RECYCLE.BIN", "System Volume Information", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r",
        "Network Trash Folder", "Temporary Items",
    )
)  # fmt: skip
"""What NAS boxes and operating systems leave behind, as folders and as files."""


@dataclass
class Passed:
    """What a walk passes over: hidden files and folders, `RUBBISH`, links to what is walked anyway, closed folders."""

    hidden: list[Path] = field(default_factory=list)
    rubbish: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Whether a name begins with a dot, as macOS' ``._`` files do too."""
    return name.startswith(".")


def is_rubbish(name: str) -> bool:
    """Whether a NAS or an operating system left that file or folder behind."""
    return name.casefold() in RUBBISH


def is_ours(name: str) -> bool:
    """Whether a folder's name says that it may be part of a data set."""
    return not is_hidden(name) and not is_rubbish(name)


def subfolders(root: Path) -> list[Path]:
    """The folders in a folder that may be part of a data set, in order; links to folders too.

    Raises:
        DataError: it can't be listed.
    """
    return [root / name for name in _entries(root) if is_ours(name) and os.path.isdir(root / name)]


def walk(root: Path, passed: Passed | None = None) -> Iterator[tuple[Path, list[str]]]:
    """Each folder at any depth with the names of its files that may be part of a data set, in order.

    Links to folders are followed, after what is there itself, but each folder is walked once: one that leads back up,
    or to what was walked before, is passed over. So are hidden names and `RUBBISH`.

    Args:
        root: where to begin.
        passed: is filled with what is passed over; then folders that can't be listed are passed over too.

    Raises:
        DataError: a folder can't be listed, and nobody is told.
    """
    told = passed or Passed()
    seen: set[tuple[int, int]] = set()
    waiting, links = [root], list[Path]()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        try:
            status = folder.stat()
            names = _entries(folder)
        except (OSError, DataError):
            if passed is None:
                raise
            told.closed.append(folder)
            continue
        if (status.st_dev, status.st_ino) in seen:
            told.links.append(folder)
            continue
        seen.add((status.st_dev, status.st_ino))
        told.hidden += [folder / name for name in names if is_hidden(name)]
        told.rubbish += [folder / name for name in names if is_rubbish(name) and not is_hidden(name)]
        paths = [folder / name for name in names if is_ours(name)]
        below = {path for path in paths if os.path.isdir(path)}
        links += sorted(path for path in below if path.is_symlink())
        waiting += sorted((path for path in below if not path.is_symlink()), reverse=True)
        yield folder, [path.name for path in paths if path not in below]


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(
            f"the folder {folder} can't be listed ({error.strerror}), and what is in it would be left out; "
            "give yourself the right to read it (chmod u+rx), or take it out of the data set"
        ) from error
