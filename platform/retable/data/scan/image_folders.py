"""Layouts of image data sets: class folders, one folder of images, or LSUN's LMDB environments."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from retable.data.decode.errors import DataError
from retable.data.decode.image import SUFFIXES
from retable.data.decode.lmdb import DATA, MEND
from retable.data.decode.pool import Readers, SteadyReader
from retable.data.scan.folders import subfolders, walk
from retable.data.scan.probe import ProbeResult
from retable.data.scan.ucf101 import Layout, Listed

SPLITS = {
    "train": "train",
    "test": "test",
    "val": "test",
    "valid": "test",
    "validation": "test",
    "dev": "test",
    "eval": "test",
}
"""Names of split folders, in upper or lower case, and the split of each."""

LOOKS = re.compile(
    r"(images?[ _.-]?)?(train|trn|test|tst|val|valid|validation|dev|devel|eval|evaluation|holdout|heldout)(ing)?"
    r"([ _.-]?(set|data|images?|imgs?|split|part|\d+))*"
)
"""Names that look like a split, whether it is known or not; in lower case."""

UNREAD = frozenset((
    ".apng", ".avi", ".arw", ".bpg", ".cr2", ".dng", ".exr", ".gif", ".hdr", ".heic", ".heif", ".ico", ".j2k", ".jp2",
    ".jxl", ".jxr", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".nef", ".pbm", ".pcx", ".pgm", ".pnm", ".psd", ".svg", ".tga",
    ".webm", ".wmv",
))  # fmt: skip
"""Suffixes of pictures and videos that are not read as images."""

CONTENT = "the content of the files decides which tenth of each class is test"

ONE_CLASS = "image"
BY_CONTENT = ""
"""Split of files that no list and no folder assigns: `by_content` does."""

TESTED = 10  # one image in so many of each class is tested
PAGE = 100_000  # keys that a reader lists at a time
LSUN = re.compile(r"(?P<name>.+?)(_(?P<split>train|val|test))?_lmdb")


def is_image_set(root: Path) -> bool:
    """True if a folder holds LMDB environments, or image files no deeper than ``split/class/file``."""
    if _environments(root):
        return True
    return any(path.suffix.lower() in SUFFIXES for deep in ("*", "*/*", "*/*/*") for path in root.glob(deep))


def read_images(root: Path, readers: Readers | None = None) -> Layout:
    """Layout of an image data set without lists (`read_layout` reads those with UCF101's lists).

    ============================================  ==========================================
    ``root/class/….png``                          class folders, searched to their depth
    ``root/….png``                                no classes: every image has the label 0
    ``root/train/…``, ``root/val/…`` (`SPLITS`)   either of these, with its splits
    ``root/bedroom_train_lmdb/data.mdb`` …        LSUN's environments, one a class and split
    ============================================  ==========================================

    Files without a split get `BY_CONTENT`. Class folders may be beside environments.

    Raises:
        DataError: there are no images, a folder can't be listed, folders look like splits but are not known
            ones, a class would be lost, or an environment can't be read.
    """
    if environments := _environments(root):
        return _lsun(root, environments, readers or Readers())
    folders, splits = _split_folders(root)
    paths = [(folder, split, _images(folder)) for folder, split in folders]
    for folder, _, images in paths:
        _refuse_lost_classes(folder, images)
    classes = tuple(sorted({name for folder, _, images in paths for name in _classes(folder, images)}))
    labels = {name: label for label, name in enumerate(classes)} or {".": 0}
    listed = [
        Listed(path.relative_to(root).as_posix(), split, _label(path.relative_to(folder), labels))
        for folder, split, images in paths
        for path in images
    ]
    if not listed:
        raise DataError(
            f"{root} holds no images", remedy=f"their names must end in {', '.join(sorted(SUFFIXES))}"
        )
    return Layout(root, classes or (ONE_CLASS,), tuple(listed), "image", splits)


def by_content(listed: Sequence[Listed], found: Mapping[str, ProbeResult]) -> tuple[Listed, ...]:
    """Assign a split by content to the files that have none.

    Of each class, the tenth with the smallest SHA-256 (at least one, if there are two) is tested. Equal files
    are in the same split. Names, folders and times do not matter.
    """
    hashes: dict[int | None, set[str]] = {}
    for line in listed:
        if line.split == BY_CONTENT and (sha256 := found[line.path].sha256):
            hashes.setdefault(line.label, set()).add(sha256)
    tested = {
        label: set(sorted(own)[: max(len(own) // TESTED, len(own) > 1)]) for label, own in hashes.items()
    }
    return tuple(
        line
        if line.split != BY_CONTENT
        else replace(line, split="test" if found[line.path].sha256 in tested.get(line.label, ()) else "train")
        for line in listed
    )


def _label(path: Path, labels: Mapping[str, int]) -> int | None:
    """Label of a file; None if it is beside the class folders."""
    return labels.get(path.parts[0] if len(path.parts) > 1 else ".")


def _split_folders(root: Path) -> tuple[list[tuple[Path, str]], str]:
    """Folders with the split of each, or the root alone; and the origin of the splits, for people.

    Raises:
        DataError: folders look like splits but are not known ones.
    """
    folders = subfolders(root)
    looks = [folder for folder in folders if LOOKS.fullmatch(folder.name.casefold())]
    if not looks:
        return [(root, BY_CONTENT)], CONTENT
    others = [folder for folder in folders if folder not in looks and _images(folder)]
    names = [folder.name.casefold() for folder in looks]
    if names == ["train"] and others and not any(_images(folder) for folder in subfolders(looks[0])):
        return [(root, BY_CONTENT)], CONTENT  # a class of trains
    if others or set(names) - set(SPLITS) or len(set(names)) < len(names) or "train" not in names:
        beside = f", beside {', '.join(folder.name for folder in others[:3])}" if others else ""
        raise DataError(
            f"{root} has folders that look like splits and are not understood: "
            f"{', '.join(folder.name for folder in looks)}{beside}; there must be train and one of "
            f"{', '.join(name for name in SPLITS if name != 'train')}, and no other folder of images beside them",
            remedy="rename them, or those that are classes",
        )
    if len(looks) == 1:
        return [(looks[0], BY_CONTENT)], f"{looks[0].name}/ holds all images, and {CONTENT}"
    known = [(folder, SPLITS[folder.name.casefold()]) for folder in looks]
    return known, ", ".join(f"{folder.name}/ is {split}" for folder, split in known)


def _images(folder: Path) -> list[Path]:
    """Image files at any depth, in order, without hidden ones. Raises as `walk` does."""
    return [
        path / name for path, names in walk(folder) for name in names if Path(name).suffix.lower() in SUFFIXES
    ]


def _classes(folder: Path, images: Sequence[Path]) -> set[str]:
    """Names of the class folders in a folder that hold some of these images."""
    below = (path.relative_to(folder).parts for path in images)
    return {parts[0] for parts in below if len(parts) > 1}


def _refuse_lost_classes(folder: Path, images: Sequence[Path]) -> None:
    """Refuse a folder with a class folder that is empty or has only pictures that are not read.

    Raises:
        DataError: there is such a class folder.
    """
    if not (classes := _classes(folder, images)):
        return
    for own in subfolders(folder):
        if own.name in classes:
            continue
        ends = Counter(Path(name).suffix.lower() for _, names in walk(own) for name in names)
        unread = [f"{number:,} {end}" for end, number in sorted(ends.items()) if end in UNREAD]
        if unread or not ends:
            has = f"{', '.join(unread)}, which are not read" if unread else "nothing in it"
            raise DataError(
                f"the class {own.name} would be lost: {own} has {has}",
                remedy=f"put images there, whose names end in {', '.join(sorted(SUFFIXES))}, or take the folder out "
                "of the data set",
            )


def _environments(root: Path) -> list[Path]:
    if (root / DATA).is_file():
        return [root]
    return [folder for folder in subfolders(root) if (folder / DATA).is_file()]


def _lsun(root: Path, environments: Sequence[Path], readers: Readers) -> Layout:
    parts = []
    for folder in environments:
        match = LSUN.fullmatch(folder.resolve().name)
        name = match["name"] if match else ONE_CLASS if folder == root else folder.name
        parts.append((folder, name, SPLITS.get(match["split"] or "", BY_CONTENT) if match else BY_CONTENT))
    if not any(split == "test" for *_, split in parts):
        parts = [(folder, name, BY_CONTENT) for folder, name, _ in parts]
    folders = [] if root in environments else subfolders(root)
    beside = [folder for folder in folders if folder not in environments and _images(folder)]
    classes = tuple(sorted({name for _, name, _ in parts} | {folder.name for folder in beside}))
    values = (
        Listed((folder.relative_to(root) / DATA / key).as_posix(), split, classes.index(name))
        for folder, name, split in parts
        for key in _keys(folder, readers)
    )
    files = (
        Listed(path.relative_to(root).as_posix(), BY_CONTENT, classes.index(folder.name))
        for folder in beside
        for path in _images(folder)
    )
    named = any(split != BY_CONTENT for *_, split in parts)
    splits = "the names of environments say train, and val or test, which is test" if named else CONTENT
    return Layout(root, classes, (*values, *files), "image", splits)


def _keys(folder: Path, readers: Readers) -> Iterator[str]:
    reader, after = SteadyReader(readers), ""
    try:
        while True:
            answer = reader.ask({"task": "list keys", "path": str(folder), "after": after, "most": PAGE})
            if "error" in answer:
                problem = f"the keys of {folder / DATA} can't be listed: {answer['error']}"
                raise DataError(problem, remedy=MEND if "lost" in answer else "")
            keys = cast(list[str], answer["keys"])
            yield from keys
            if len(keys) < PAGE:
                return
            after = keys[-1]
    finally:
        reader.close()
