"""What is in each file of a data set. Every file is decoded once, by a reader process, and remembered."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from retable.data.decode import image
from retable.data.decode.lmdb import on_disk
from retable.data.decode.pool import Progress, Readers
from retable.data.scan.ucf101 import Kind
from retable.io.files import write_json
from retable.io.locks import locked


@dataclass(frozen=True)
class Found:
    """What a reader found in a file. Without a problem, frames, width and height are positive.

    Attributes:
        sha256: of the file's bytes, hex; empty if it could not be read.
        problem: ``missing``, ``empty``, ``truncated``, ``not a video``, ``damaged`` or ``unreadable`` (a reader died
            or hung over it, or was not let in), those of `retable.data.decode.image.probe`; None if there is none.
        note: details of the problem, or why PyAV and not decord should read the file.
    """

    sha256: str = ""
    frames: int = 0
    width: int = 0
    height: int = 0
    decoder: str = "decord"
    problem: str | None = None
    note: str | None = None


REMEMBER_SECONDS = 30.0
"""What a kill of a scan may cost."""

Stamp = list[int]
"""Size in bytes and modification time in nanoseconds."""


def find(
    folder: Path,
    paths: Sequence[str],
    memory: Path,
    readers: Readers,
    progress: Progress | None = None,
    kind: Kind = "video",
) -> dict[str, Found]:
    """What is in the files, by path.

    Args:
        folder: what the paths are relative to.
        paths: files to look at.
        memory: JSON file of what was found before, kept up to date. A file whose size and time are unchanged is
            not read again. Two processes with the same memory do the work once.
        readers: the processes that read.
        progress: told about files that are being read.
        kind: what they are.
    """
    tools = _tools(kind)
    found: dict[str, Found] = {}
    stamps: dict[str, Stamp] = {}
    for path in paths:
        try:
            status = on_disk(folder / path).stat()
        except FileNotFoundError:
            found[path] = Found(problem="missing", note="the lists name it and there is no such file")
            continue
        stamps[path] = [status.st_size, status.st_mtime_ns]
    with locked(memory.with_suffix(".lock")):
        found |= _recall(memory, stamps, tools)
        unread = [path for path in paths if path not in found]
        if not unread:
            return found
        task = "probe" if kind == "video" else "probe image"
        requests = [{"task": task, "path": str(folder / path)} for path in unread]
        with _remembering(memory, stamps, found, tools) as remember:
            for done, (number, answer) in enumerate(readers.answers(requests), 1):
                found[unread[number]] = _found(folder / unread[number], answer)
                remember()
                if progress:
                    progress(done, len(unread))
    return found


def _recall(memory: Path, stamps: Mapping[str, Stamp], tools: Sequence[str]) -> dict[str, Found]:
    if not memory.is_file():
        return {}
    try:
        content = json.loads(memory.read_bytes())
    except ValueError:  # damaged: look again
        return {}
    if content["tools"] != tools:
        return {}
    return {
        path: Found(**entry["found"])
        for path, entry in content["files"].items()
        if entry["stamp"] == stamps.get(path)
    }


@contextmanager
def _remembering(
    memory: Path, stamps: Mapping[str, Stamp], found: Mapping[str, Found], tools: Sequence[str]
) -> Iterator[Callable[[], None]]:
    """Write down what was found, whenever the block asks and it was long ago, and at its end, however it ends."""
    written = time.monotonic()

    def write() -> None:
        nonlocal written
        written = time.monotonic()
        files = {
            path: {"stamp": stamp, "found": asdict(found[path])}
            for path, stamp in stamps.items()
            # A reader may have died of something that was not the file's fault: it gets another chance.
            if path in found and found[path].problem != "unreadable"
        }
        write_json(memory, {"tools": tools, "files": files})

    def remember() -> None:
        if time.monotonic() - written > REMEMBER_SECONDS:
            write()

    try:
        yield remember
    finally:
        write()


def _tools(kind: Kind) -> list[str]:
    """Another decoder may see other problems, and so may another `retable.data.decode.video.probe` (count it up)."""
    if kind == "image":
        return [f"probe image {image.VERSION}", f"pillow {metadata.version('pillow')}"]
    return ["probe 1", *(f"{name} {metadata.version(name)}" for name in ("av", "decord"))]


def _found(path: Path, answer: Mapping[str, object]) -> Found:
    if "error" not in answer:
        return Found(**cast(dict[str, Any], answer))
    return Found(sha256=_hash(path), problem="unreadable", note=str(answer["error"]))


def _hash(path: Path) -> str:
    try:
        if on_disk(path) != path:  # only readers open environments
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # the reader's own error says why
        return ""
