"""Layout of FaceForensics (version 1): folders, lists and splits. It has one class: every video is a face."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from retable.data.decode.errors import DataError
from retable.data.decode.text_lists import read_text
from retable.data.scan.folders import is_ours
from retable.data.scan.ucf101 import Layout, Listed

SPLITS = ("train", "val", "test")
ORIGINALS, MASKS = "original", "mask"
CLASSES = ("face",)


def is_faceforensics(root: Path) -> bool:
    """True if a folder, or a split's folder in it, has a folder of originals and one of masks."""
    return any((root / s / ORIGINALS).is_dir() and (root / s / MASKS).is_dir() for s in (".", *SPLITS))


def read_faceforensics(root: Path) -> Layout:
    """Read the splits of FaceForensics, and pair each original with its mask, the file of the same name.

    Either each split has its folders, ``root/train/original`` and ``root/train/mask``, or all share
    ``root/original`` and ``root/mask`` and the splits are lists of names, ``root/train.json`` or
    ``root/splits/train.json``; a list may hold lists, as FaceForensics++ pairs its videos. ``altered`` is not
    read.

    Raises:
        DataError: the folders or lists are missing or can't be parsed, or a video is in two splits.
    """
    if (root / ORIGINALS).is_dir():
        listed = [line for split in SPLITS for line in _named(root, split)]
    else:
        listed = [line for split in SPLITS for line in _found(root, split)]
    if not any(line.split == "train" for line in listed):
        raise DataError(
            f"{root} is not in FaceForensics' layout: it must have train/original and train/mask, or original, mask "
            "and a list train.json, with videos in them (and the same for val and test)",
            remedy="name the folder of FaceForensics (docs/data.md shows its layout)",
        )
    first: dict[str, str] = {}
    for line in listed:
        name = Path(line.path).stem
        if name in first:
            raise DataError(
                f"the video {name} of {root} is listed in {first[name]} and again in {line.split}",
                remedy="list it once, in one split",
            )
        first[name] = line.split
    origin = "lists" if (root / ORIGINALS).is_dir() else "folders"
    return Layout(
        root, CLASSES, tuple(listed), splits=f"{origin} train, val and test are the splits of these names"
    )


def _found(root: Path, split: str) -> Iterator[Listed]:
    masks = _videos(root / split / MASKS)
    for name, original in _videos(root / split / ORIGINALS).items():
        mask = masks.get(name, original)
        yield Listed(f"{split}/{ORIGINALS}/{original}", split, 0, f"{split}/{MASKS}/{mask}")


def _named(root: Path, split: str) -> Iterator[Listed]:
    path = next((p for p in (root / f"{split}.json", root / "splits" / f"{split}.json") if p.is_file()), None)
    if path is None:
        return
    originals, masks = _videos(root / ORIGINALS), _videos(root / MASKS)
    for name in _names(path):
        original = originals.get(name, f"{name}.avi")
        yield Listed(f"{ORIGINALS}/{original}", split, 0, f"{MASKS}/{masks.get(name, original)}")


def _videos(folder: Path) -> Mapping[str, str]:
    """File names of a folder by their stems, in order; hidden files are not part of the data set."""
    names = sorted(path.name for path in folder.glob("[!.]*") if is_ours(path.name) and path.is_file())
    return {Path(name).stem: name for name in names}


def _names(path: Path) -> Iterator[str]:
    """Stems of the files that a JSON list names."""
    try:
        text = read_text(path)
        content = json.loads(text)
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path} must be a JSON list of video names, but it is no JSON: {error}",
            remedy="mend it or download it again",
        ) from error
    if not isinstance(content, list):
        raise DataError(
            f"{path} must be a JSON list of video names, but it holds a {type(content).__name__}",
            remedy="mend it or download it again",
        )
    flat = [name for item in content for name in (item if isinstance(item, list) else [item])]
    for name in cast(list[object], flat):
        if not isinstance(name, str) or not name or "/" in name or "\0" in name or name.startswith("."):
            line = _line_of(text, name)
            raise DataError(
                f"{path}{line} must name files of {ORIGINALS}, but names {name!r:.80}",
                remedy="mend it or take it out",
            )
        yield name.removesuffix(".avi").removesuffix(".mp4")


def _line_of(text: str, name: object) -> str:
    """Line of a name in a JSON text, such as ``" line 3"``; empty if it is not found."""
    place = text.find(json.dumps(name))
    return f" line {text.count(chr(10), 0, place) + 1}" if place >= 0 else ""
