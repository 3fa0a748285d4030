"""Where a UCF101-shaped folder keeps its videos and its lists, and what the lists say."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from retable.data.decode.errors import DataError
from retable.data.decode.image import SUFFIXES

Kind = Literal["video", "image"]
"""What a data set's files are."""

VIDEOS = ("videos", "images", "UCF-101", ".")
LISTS = ("splits", "ucfTrainTestlist", ".")


@dataclass(frozen=True)
class Listed:
    """A line of a train or test list.

    Attributes:
        path: ``Class/v.mp4``, below the videos folder.
        split: ``train`` or ``test``; empty if the content decides (retable.data.scan.image_folders).
        label: from 0, by the class folder; None if the class is not in classInd.txt or is not the one that the
            line's own number says.
        mask: ``mask/v.avi``, the video that shows where the face in this one is; None if the set has no masks.
    """

    path: str
    split: str
    label: int | None
    mask: str | None = None


@dataclass(frozen=True)
class Layout:
    """A data set as its lists describe it. `classes` are in the order of their labels.

    Attributes:
        videos: the folder that paths are relative to.
        kind: what the listed files are.

    Raises:
        DataError: a file is listed twice: tests would be of what was trained on.
    """

    videos: Path
    classes: tuple[str, ...]
    listed: tuple[Listed, ...]
    kind: Kind = "video"

    def __post_init__(self) -> None:
        path, times = next(iter(Counter(line.path for line in self.listed).most_common(1)), ("", 0))
        if times > 1:
            raise DataError(f"{path} is listed {times} times for {self.videos}; list it once, in one split")


def read_layout(root: Path, fold: int = 1) -> Layout:
    """Read the lists of a folder in UCF101's layout.

    Class folders lie in ``root/videos``, ``root/images``, ``root/UCF-101`` or ``root``; classInd.txt and the lists
    in ``root/splits``, ``root/ucfTrainTestlist`` or ``root``. The files are images if most of their names say so.

    Args:
        root: the data set's folder.
        fold: which of the train and test lists: ``trainlist01.txt`` and ``testlist01.txt`` for 1.

    Raises:
        DataError: a list is missing or can't be understood.
    """
    lists = next((root / name for name in LISTS if (root / name / "classInd.txt").is_file()), None)
    if lists is None:
        looked = ", ".join(str(root / name / "classInd.txt") for name in LISTS)
        raise DataError(f"{root} is not in UCF101's layout: there is none of {looked}")
    classes = _classes(lists / "classInd.txt")
    folder = next(
        (root / name for name in VIDEOS if any((root / name / c).is_dir() for c in classes)), root / VIDEOS[0]
    )
    listed = tuple(
        line
        for split in ("train", "test")
        for line in _list(lists / f"{split}list{fold:02}.txt", split, classes)
    )
    images = sum(PurePosixPath(line.path).suffix.lower() in SUFFIXES for line in listed)
    return Layout(folder, classes, listed, "image" if 2 * images > len(listed) else "video")


def _lines(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path} is missing; UCF101's layout needs it beside classInd.txt") from None
    yield from filter(None, (line.strip() for line in text.splitlines()))


def _classes(path: Path) -> tuple[str, ...]:
    """Lines such as ``1 ApplyEyeMakeup``, numbered from 1."""
    numbered: dict[str, str] = {}
    for line in _lines(path):
        number, _, name = line.partition(" ")
        numbered[number] = name.strip()
    expected = [str(number) for number in range(1, len(numbered) + 1)]
    if not numbered or sorted(numbered) != sorted(expected) or not all(numbered.values()):
        raise DataError(
            f"{path} must number its classes 1, 2, …, one 'number name' a line, but has {list(numbered)[:5]}"
        )
    return tuple(numbered[number] for number in expected)


def _list(path: Path, split: str, classes: tuple[str, ...]) -> Iterator[Listed]:
    """Lines such as ``Class/v.avi 1`` (UCF101's train lists) or ``Class/v.avi`` (its test lists)."""
    labels = {name: label for label, name in enumerate(classes)}
    for line in _lines(path):
        name, _, last = line.rpartition(" ")
        stated = int(last) if name and last.isdigit() else None
        name = name if stated is not None else line
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{path} must name files below the videos folder, but names {name!r}")
        label = labels.get(PurePosixPath(name).parts[0])
        if stated is not None and label is not None and stated != label + 1:
            label = None
        yield Listed(name, split, label)
