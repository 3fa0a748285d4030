"""What lies in a data set's folder and is not part of the data set: one line a kind, with numbers."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from retable.data.decode.image import SUFFIXES
from retable.data.decode.lmdb import DATA, on_disk
from retable.data.scan.folders import Passed, walk
from retable.data.scan.ucf101 import Kind

SHOWN = 3
"""Names that a line gives as examples."""

LISTS = re.compile(r"classInd\.txt|(train|test)list\d+\.txt|(train|val|test)\.json")


def left_out(folder: Path, named: Collection[str], kind: Kind) -> tuple[str, ...]:
    """What a data set leaves out, a line for each kind; none if its folder is not there.

    Args:
        folder: where its class folders lie. Nothing in it is opened.
        named: paths of all of its files, relative to the folder.
        kind: what they are.
    """
    if not folder.is_dir():
        return ()
    part = {str(on_disk(folder / path)) for path in named}
    ends = SUFFIXES if kind == "image" else {Path(path).suffix.lower() for path in named}
    passed = Passed()
    unnamed: list[Path] = []
    others: Counter[str] = Counter()
    bare: list[Path] = []
    for here, names in walk(folder, passed):
        if not names and not os.listdir(here):
            bare.append(here)
        for name in names:
            path = here / name
            if str(path) in part or LISTS.fullmatch(name) or _is_lock(path, part):
                continue
            if path.suffix.lower() in ends:
                unnamed.append(path)
            else:
                others[path.suffix.lower() or "no suffix"] += 1
    return tuple(_lines(folder, kind, passed, unnamed, others, bare))


def _lines(
    folder: Path, kind: Kind, passed: Passed, unnamed: list[Path], others: Counter[str], bare: list[Path]
) -> Iterator[str]:
    if unnamed:
        yield f"{_count(len(unnamed), kind)} that no list or layout names: {_some(folder, unnamed)}"
    if others:
        ends = ", ".join(f"{number:,} {end}" for end, number in others.most_common())
        yield f"{_count(others.total(), 'file')} whose names end in what is not read: {ends}"
    if passed.hidden:
        yield f"{_count(len(passed.hidden), 'hidden file or folder', 'hidden files or folders')}: {_some(folder, passed.hidden)}"
    if passed.rubbish:
        inside = sum(len(names) for path in passed.rubbish for _, _, names in os.walk(path))
        names = _some(folder, passed.rubbish)
        yield f"{_count(len(passed.rubbish), 'leftover')} of a NAS or an operating system, with {_count(inside, 'file')}: {names}"
    if passed.links:
        yield f"{_count(len(passed.links), 'linked folder')} to what is here anyway: {_some(folder, passed.links)}"
    if passed.closed:
        yield f"{_count(len(passed.closed), 'folder')} that can't be listed: {_some(folder, passed.closed)}"
    if bare:
        yield f"{_count(len(bare), 'folder')} with nothing in it: {_some(folder, bare)}"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _some(folder: Path, paths: Iterable[Path]) -> str:
    found = sorted(path.relative_to(folder).as_posix() for path in paths)
    return ", ".join(found[:SHOWN]) + (", …" if len(found) > SHOWN else "")


def _is_lock(path: Path, part: Collection[str]) -> bool:
    """Whether a file is LMDB's own, beside an environment that is read."""
    return path.name == "lock.mdb" and str(path.with_name(DATA)) in part
