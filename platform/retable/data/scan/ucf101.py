"""Layout of UCF101: folders, class index, train and test lists. Other data sets can use it too."""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from retable.data.decode.errors import DataError
from retable.data.decode.image import SUFFIXES
from retable.data.decode.text_lists import Line, read_lines

Kind = Literal["video", "image"]
"""Kind of a data set's files."""

VIDEOS = ("videos", "images", "UCF-101", ".")
LISTS = ("splits", "ucfTrainTestlist", ".")


@dataclass(frozen=True)
class Listed:
    """A line of a train or test list.

    Attributes:
        path: ``Class/v.mp4``, below the videos folder.
        split: ``train`` or ``test``; empty if the content decides (`retable.data.scan.image_folders`).
        label: from 0, by the class folder; None if the class is not in classInd.txt or differs from the
            number in the line.
        mask: ``mask/v.avi``, the mask video of the face in this one; None if the set has no masks.
        where: the list and the line that name it, for messages; empty if no list does.
    """

    path: str
    split: str
    label: int | None
    mask: str | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Layout:
    """A data set as described by its lists. `classes` are in the order of their labels.

    Attributes:
        videos: the folder that paths are relative to.
        kind: the kind of the listed files.
        splits: origin of the splits, for people; empty if unknown.

    Raises:
        DataError: a file is listed twice; it could be in train and test.
    """

    videos: Path
    classes: tuple[str, ...]
    listed: tuple[Listed, ...]
    kind: Kind = "video"
    splits: str = ""

    def __post_init__(self) -> None:
        first: dict[str, Listed] = {}
        for line in self.listed:
            other = first.setdefault(line.path, line)
            if other is not line:
                times = sum(again.path == line.path for again in self.listed)
                places = f" ({other.where} and {line.where})" if line.where else ""
                raise DataError(
                    f"{other.path} is listed {times} times for {self.videos}{places}",
                    remedy="list it once, in one split",
                )


def read_layout(root: Path, fold: int = 1) -> Layout:
    """Read the lists of a folder in UCF101's layout.

    Class folders are in ``root/videos``, ``root/images``, ``root/UCF-101`` or ``root``; classInd.txt and the
    lists in ``root/splits``, ``root/ucfTrainTestlist`` or ``root``. The files are images if most of their
    suffixes are.

    Args:
        root: the data set's folder.
        fold: number of the train and test lists: 1 for ``trainlist01.txt`` and ``testlist01.txt``.

    Raises:
        DataError: a list is missing or can't be parsed.
    """
    lists = next((root / name for name in LISTS if (root / name / "classInd.txt").is_file()), None)
    if lists is None:
        looked = ", ".join(str(root / name / "classInd.txt") for name in LISTS)
        raise DataError(
            f"{root} is not in UCF101's layout: there is none of {looked}",
            remedy="name the folder that holds its lists (docs/data.md shows the layout)",
        )
    classes = _classes(lists / "classInd.txt")
    folder = next((root / name for name in VIDEOS if _holds(root / name, classes)), root / VIDEOS[0])
    names = [f"{split}list{fold:02}.txt" for split in ("train", "test")]
    lines = [
        line
        for split, name in zip(("train", "test"), names, strict=True)
        for line in _list(lists / name, split, classes)
    ]
    listed = tuple(_with_names_on_disk(folder, lines))
    images = sum(PurePosixPath(line.path).suffix.lower() in SUFFIXES for line in listed)
    kind: Kind = "image" if 2 * images > len(listed) else "video"
    return Layout(folder, classes, listed, kind, f"{names[0]} is train, {names[1]} is test")


def composed(path: str) -> str:
    """Path with composed letters and accents (NFC): equal for both Unicode spellings of a name."""
    return unicodedata.normalize("NFC", path)


def _classes(path: Path) -> tuple[str, ...]:
    """Class names from lines such as ``1 ApplyEyeMakeup``, numbered from 1."""
    numbered: dict[str, str] = {}
    names: dict[str, Line] = {}
    for line in _lines(path):
        number, *rest = line.text.split(maxsplit=1)
        name = rest[0] if rest else ""
        if number in numbered:
            raise line.fault(f"numbers a class {number}, as an earlier line does", "number each class once")
        if name and names.setdefault(composed(name), line) is not line:
            earlier = names[composed(name)].number
            raise line.fault(f"names the class of line {earlier} again", "name each class once")
        if "\0" in name or "/" in name or name in (".", ".."):
            raise line.fault("must name a class, which is a folder's name", "mend it")
        numbered[number] = name
    expected = [str(number) for number in range(1, len(numbered) + 1)]
    if not numbered or sorted(numbered) != sorted(expected) or not all(numbered.values()):
        odd = next((n for n, name in numbered.items() if n not in expected or not name), None)
        raise DataError(
            f"{path} must number its classes 1, 2, …, one 'number name' a line, but "
            + (f"begins a line with {odd[:40]!r}" if odd else "is empty"),
            remedy="mend that line" if odd else "write them down",
        )
    return tuple(numbered[number] for number in expected)


def _list(path: Path, split: str, classes: tuple[str, ...]) -> Iterator[Listed]:
    """Files from lines such as ``Class/v.avi 1`` (train lists) or ``Class/v.avi`` (test lists)."""
    labels = {composed(name): label for label, name in enumerate(classes)}
    for line in _lines(path):
        name, stated = _named(line.text)
        if "\\" in name and composed(name.partition("/")[0]) not in labels:  # written on Windows
            name = name.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if PurePosixPath(name).is_absolute() or ".." in parts:
            raise line.fault("must name files below the videos folder", "write Class/file, or take it out")
        label = labels.get(composed(parts[0])) if parts else None
        if stated is not None and label is not None and stated != str(label + 1):
            label = None
        yield Listed(PurePosixPath(name).as_posix(), split, label, where=f"{path.name} line {line.number}")


def _named(text: str) -> tuple[str, str | None]:
    """Path of a line, and the number of its class without leading zeros, or None."""
    name, *last = text.rsplit(maxsplit=1)
    if last and last[0].isascii() and last[0].isdecimal():
        return name.rstrip(), last[0].lstrip("0")
    return text, None


def _lines(path: Path) -> Iterator[Line]:
    try:
        yield from read_lines(path)
    except FileNotFoundError:
        raise DataError(f"{path} is missing", remedy="UCF101's layout needs it beside classInd.txt") from None


def _with_names_on_disk(folder: Path, listed: Iterable[Listed]) -> Iterator[Listed]:
    """Replace names with accents by their spelling on disk, which may differ from the list (NFD, NFC)."""
    names: dict[Path, Mapping[str, str]] = {}
    for line in listed:
        if line.path.isascii():
            yield line
            continue
        here = folder
        for part in PurePosixPath(line.path).parts:
            if here not in names:
                names[here] = _names(here)
            here = here / names[here].get(part, names[here].get(composed(part), part))
        yield replace(line, path=here.relative_to(folder).as_posix())


def _names(folder: Path) -> Mapping[str, str]:
    """Names in a folder, by their own and their composed spelling; none if it can't be listed."""
    try:
        found = os.listdir(folder)
    except (OSError, ValueError):  # files below it are reported as missing later
        return {}
    return {composed(name): name for name in found} | {name: name for name in found}


def _holds(folder: Path, classes: Sequence[str]) -> bool:
    """True if a folder holds the folder of a class."""
    names = _names(folder)
    found = (names.get(name, names.get(composed(name))) for name in classes)
    return any((folder / name).is_dir() for name in found if name)
