"""How image data sets lie on the disk: class folders, one folder of images, or LMDB environments as LSUN's."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from retable.data.decode.errors import DataError
from retable.data.decode.image import SUFFIXES
from retable.data.decode.lmdb import DATA, MEND
from retable.data.decode.pool import Readers, SteadyReader
from retable.data.scan.probe import Found
from retable.data.scan.ucf101 import Layout, Listed

SPLITS = {"train": "train", "test": "test", "val": "test"}
"""Folders that are splits, and the split that each is."""

ONE_CLASS = "image"
BY_CONTENT = ""
"""The split of files that no list and no folder puts into one: `by_content` does."""

TESTED = 10  # one image in so many of each class is tested
PAGE = 100_000  # keys that a reader lists at a time
LSUN = re.compile(r"(?P<name>.+?)(_(?P<split>train|val|test))?_lmdb")


def is_image_set(root: Path) -> bool:
    """Whether a folder holds LMDB environments, or image files no deeper than ``split/class/file``."""
    if _environments(root):
        return True
    return any(path.suffix.lower() in SUFFIXES for deep in ("*", "*/*", "*/*/*") for path in root.glob(deep))


def read_images(root: Path, readers: Readers | None = None) -> Layout:
    """What an image data set without lists holds (those with UCF101's lists are `read_layout`'s).

    ============================================  ==========================================
    ``root/class/….png``                          class folders, searched to their depth
    ``root/….png``                                no classes: every image has the label 0
    ``root/train/…``, ``root/val/…`` (or test)    either of these, with its splits
    ``root/bedroom_train_lmdb/data.mdb`` …        LSUN's environments, one a class and split
    ============================================  ==========================================

    Where there are no splits, files have `BY_CONTENT` for theirs. Class folders may lie beside environments.

    Raises:
        DataError: there are no images, or an environment can't be read.
    """
    if environments := _environments(root):
        return _lsun(root, environments, readers or Readers())
    folders = {path.name for path in _folders(root)}
    if "train" in folders and folders <= set(SPLITS):
        shared = sorted(folders) == ["train"]
        parts = [(root / name, BY_CONTENT if shared else SPLITS[name]) for name in sorted(folders)]
    else:
        parts = [(root, BY_CONTENT)]
    classes = tuple(sorted({folder.name for part, _ in parts for folder in _folders(part) if _any(folder)}))
    labels = {name: label for label, name in enumerate(classes)} or {".": 0}
    listed = [
        Listed(path.relative_to(root).as_posix(), split, _label(path.relative_to(part), labels))
        for part, split in parts
        for path in _images(part)
    ]
    if not listed:
        raise DataError(f"{root} holds no images; their names must end in {', '.join(sorted(SUFFIXES))}")
    return Layout(root, classes or (ONE_CLASS,), tuple(listed), "image")


def by_content(listed: Sequence[Listed], found: Mapping[str, Found]) -> tuple[Listed, ...]:
    """The same files, those without a split in the one that their content decides.

    Of each class, the tenth with the smallest SHA-256 (at least one, if there are two) is tested. Equal files are in
    the same split, and names, places and times do not matter.
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
    """The number of a file's class; None if it lies beside the class folders."""
    return labels.get(path.parts[0] if len(path.parts) > 1 else ".")


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("[!.]*") if path.is_dir())


def _images(folder: Path) -> Iterator[Path]:
    """Image files at any depth, in order; hidden files are none of the data set's."""
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(path, name)


def _any(folder: Path) -> bool:
    return next(_images(folder), None) is not None


def _environments(root: Path) -> list[Path]:
    if (root / DATA).is_file():
        return [root]
    return [folder for folder in _folders(root) if (folder / DATA).is_file()]


def _lsun(root: Path, environments: Sequence[Path], readers: Readers) -> Layout:
    parts = []
    for folder in environments:
        match = LSUN.fullmatch(folder.resolve().name)
        name = match["name"] if match else ONE_CLASS if folder == root else folder.name
        parts.append((folder, name, SPLITS.get(match["split"] or "", BY_CONTENT) if match else BY_CONTENT))
    if not any(split == "test" for *_, split in parts):
        parts = [(folder, name, BY_CONTENT) for folder, name, _ in parts]
    folders = [] if root in environments else _folders(root)
    beside = [folder for folder in folders if folder not in environments and _any(folder)]
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
    return Layout(root, classes, (*values, *files), "image")


def _keys(folder: Path, readers: Readers) -> Iterator[str]:
    reader, after = SteadyReader(readers), ""
    try:
        while True:
            answer = reader.ask({"task": "list keys", "path": str(folder), "after": after, "most": PAGE})
            if "error" in answer:
                mend = f"; {MEND}" if "lost" in answer else ""
                raise DataError(f"the keys of {folder / DATA} can't be listed: {answer['error']}{mend}")
            keys = cast(list[str], answer["keys"])
            yield from keys
            if len(keys) < PAGE:
                return
            after = keys[-1]
    finally:
        reader.close()
