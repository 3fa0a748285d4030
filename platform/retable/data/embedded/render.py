"""Rendering of the embedded data sets by reader processes, in UCF101's layout, whole or not at all."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retable.data.decode.errors import DataError
from retable.data.decode.pool import Progress, Readers, Request
from retable.io.files import (
    UnusableFileError,
    make_folder,
    new_folder,
    read_json,
    sync,
    write_json,
    write_text,
)
from retable.io.locks import locked

COMPLETE = "complete.json"  # sizes of all files; written last


@dataclass(frozen=True)
class Drawing:
    """A file to be drawn.

    Attributes:
        path: ``Class/v.mp4``.
        split: ``train`` or ``test``.
        request: the request to a reader, without the path.
    """

    path: str
    split: str
    request: Request


def ensure_rendered(
    root: Path,
    files: str,
    classes: Sequence[str],
    drawings: Sequence[Drawing],
    readers: Readers | None = None,
    progress: Progress | None = None,
) -> Path:
    """Folder of a rendered data set, rendered first unless it is complete.

    Processes that call this at once do the work once.

    Args:
        root: the data set's folder.
        files: the folder in it for class folders, such as ``videos``.
        classes: in the order of their labels.
        drawings: all files.
        readers: the reader processes, which render.
        progress: called after each rendered file.

    Raises:
        DataError: a file could not be rendered.
    """
    if is_complete(root):
        return root
    with locked(root.with_suffix(".lock")):
        if not is_complete(root):
            if root.exists():  # some of its files were deleted or cut
                shutil.rmtree(root)
            with new_folder(root) as folder:
                _render(folder / files, classes, drawings, readers or Readers(), progress)
                _write_lists(folder / "splits", classes, drawings)
                sizes = {
                    str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()
                }
                write_json(folder / COMPLETE, sizes)
    return root


def is_complete(root: Path) -> bool:
    """True if all files exist with their recorded sizes."""
    if not (root / COMPLETE).is_file():
        return False
    try:
        sizes = read_json(root / COMPLETE)
    except UnusableFileError:  # rendering again mends it
        return False
    return all(
        (root / name).is_file() and (root / name).stat().st_size == size for name, size in sizes.items()
    )


def _render(
    folder: Path,
    classes: Sequence[str],
    drawings: Sequence[Drawing],
    readers: Readers,
    progress: Progress | None,
) -> None:
    for name in classes:
        make_folder(folder / name)
    requests = [{**drawing.request, "path": str(folder / drawing.path)} for drawing in drawings]
    for done, (number, answer) in enumerate(readers.answers(requests), 1):
        if "error" in answer:
            raise DataError(f"the embedded file {drawings[number].path} can't be rendered: {answer['error']}")
        if progress:
            progress(done, len(drawings))
    for name in classes:
        sync(folder / name)


def _write_lists(folder: Path, classes: Sequence[str], drawings: Sequence[Drawing]) -> None:
    labels = {name: label for label, name in enumerate(classes, 1)}
    train = [f"{d.path} {labels[d.path.split('/')[0]]}\n" for d in drawings if d.split == "train"]
    test = [f"{d.path}\n" for d in drawings if d.split == "test"]
    write_text(folder / "classInd.txt", "".join(f"{label} {name}\n" for name, label in labels.items()))
    write_text(folder / "trainlist01.txt", "".join(train))
    write_text(folder / "testlist01.txt", "".join(test))
