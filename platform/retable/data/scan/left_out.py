"""Summary of the entries in a data set's folder that are not part of it: one line a kind, with numbers."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from retable.data.decode.image import SUFFIXES
from retable.data.decode.lmdb import DATA, on_disk
from retable.data.scan.folders import SkippedEntries, walk
from retable.data.scan.ucf101 import Kind

SHOWN = 3
"""Number of names that a line gives as examples."""

LISTS = re.compile(r"classInd\.txt|(train|test)list\d+\.txt|(train|val|test)\.json")


def left_out(folder: Path, named: Collection[str], kind: Kind) -> tuple[str, ...]:
    """Lines about the entries that a data set leaves out, one a kind; none if its folder is not there.

    Args:
        folder: the folder of its class folders. Nothing in it is opened.
        named: paths of all files of the data set, relative to the folder.
        kind: the kind of its files.
    """
    if not folder.is_dir():
        return ()
    members = {str(on_disk(folder / path)) for path in named}
    ends = SUFFIXES if kind == "image" else {Path(path).suffix.lower() for path in named}
    skipped = SkippedEntries()
    unnamed: list[Path] = []
    others: Counter[str] = Counter()
    bare: list[Path] = []
    for here, names in walk(folder, skipped):
        if not names and not os.listdir(here):
            bare.append(here)
        for name in names:
            path = here / name
            if str(path) in members or LISTS.fullmatch(name) or _is_lock(path, members):
                continue
            if path.suffix.lower() in ends:
                unnamed.append(path)
            else:
                others[path.suffix.lower() or "no suffix"] += 1
    return tuple(_lines(folder, kind, skipped, unnamed, others, bare))


def _lines(
    folder: Path,
    kind: Kind,
    skipped: SkippedEntries,
    unnamed: list[Path],
    others: Counter[str],
    bare: list[Path],
) -> Iterator[str]:
    if unnamed:
        yield f"{_count(len(unnamed), kind)} that no list or layout names: {_some(folder, unnamed)}"
    if others:
        ends = ", ".join(f"{number:,} {end}" for end, number in others.most_common())
        yield f"{_count(others.total(), 'file')} whose names end in what is not read: {ends}"
    if skipped.hidden:
        yield f"{_count(len(skipped.hidden), 'hidden file or folder', 'hidden files or folders')}: {_some(folder, skipped.hidden)}"
    if skipped.rubbish:
        inside = sum(len(names) for path in skipped.rubbish for _, _, names in os.walk(path))
        names = _some(folder, skipped.rubbish)
        yield f"{_count(len(skipped.rubbish), 'leftover')} of a NAS or an operating system, with {_count(inside, 'file')}: {names}"
    if skipped.links:
        yield f"{_count(len(skipped.links), 'linked folder')} to what is here anyway: {_some(folder, skipped.links)}"
    if skipped.closed:
        yield f"{_count(len(skipped.closed), 'folder')} that can't be listed: {_some(folder, skipped.closed)}"
    if bare:
        yield f"{_count(len(bare), 'folder')} with nothing in it: {_some(folder, bare)}"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _some(folder: Path, paths: Iterable[Path]) -> str:
    found = sorted(path.relative_to(folder).as_posix() for path in paths)
    return ", ".join(found[:SHOWN]) + (", …" if len(found) > SHOWN else "")


def _is_lock(path: Path, members: Collection[str]) -> bool:
    """True if a file is the lock file of an environment that is read."""
    return path.name == "lock.mdb" and str(path.with_name(DATA)) in members
