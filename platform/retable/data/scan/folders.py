"""Walk through the folders of a data set, without hidden entries and rubbish, following each link once."""

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
"""Folders and files that NAS boxes and operating systems leave behind."""


@dataclass
class SkippedEntries:
    """Entries that a walk skips: hidden ones, `RUBBISH`, links to folders walked anyway, unlistable folders."""

    hidden: list[Path] = field(default_factory=list)
    rubbish: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """True if a name begins with a dot, as macOS' ``._`` files do too."""
    return name.startswith(".")


def is_rubbish(name: str) -> bool:
    """True if a NAS or an operating system left an entry of this name behind."""
    return name.casefold() in RUBBISH


def is_ours(name: str) -> bool:
    """True if an entry of this name may be part of a data set."""
    return not is_hidden(name) and not is_rubbish(name)


def subfolders(root: Path) -> list[Path]:
    """Subfolders that may be part of a data set, in order; links to folders too.

    Raises:
        DataError: it can't be listed.
    """
    return [root / name for name in _entries(root) if is_ours(name) and os.path.isdir(root / name)]


def walk(root: Path, skipped: SkippedEntries | None = None) -> Iterator[tuple[Path, list[str]]]:
    """Walk through a folder and all below it; yield each with the names of its files.

    Links to folders are followed after all real folders. Each folder is walked once: a link to a folder that
    was walked before, such as a loop, is skipped. So are hidden names and `RUBBISH`.

    Args:
        root: the first folder.
        skipped: collects the skipped entries; folders that can't be listed are then skipped too.

    Raises:
        DataError: a folder can't be listed, and `skipped` is None.
    """
    found = skipped or SkippedEntries()
    seen: set[tuple[int, int]] = set()
    waiting, links = [root], list[Path]()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        try:
            status = folder.stat()
            names = _entries(folder)
        except (OSError, DataError):
            if skipped is None:
                raise
            found.closed.append(folder)
            continue
        if (status.st_dev, status.st_ino) in seen:
            found.links.append(folder)
            continue
        seen.add((status.st_dev, status.st_ino))
        found.hidden += [folder / name for name in names if is_hidden(name)]
        found.rubbish += [folder / name for name in names if is_rubbish(name) and not is_hidden(name)]
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
            f"the folder {folder} can't be listed ({error.strerror}), and what is in it would be left out",
            remedy="give yourself the right to read it (chmod u+rx), or take it out of the data set",
        ) from error
