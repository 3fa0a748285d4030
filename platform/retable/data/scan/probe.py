"""What is in each file of a data set. Every file is decoded once, by a reader process, and remembered."""

import hashlib
import json
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from retable.data.decode import image
from retable.data.decode.lmdb import on_disk
from retable.data.decode.pool import Progress, Readers
from retable.data.decode.regular import kind_of
from retable.data.scan.ucf101 import Kind
from retable.io.files import write_json
from retable.io.locks import locked


@dataclass(frozen=True)
class Found:
    """What a reader found in a file. Without a problem, frames, width and height are positive.

    Attributes:
        sha256: of the file's bytes, hex; empty if it could not be read.
        problem: ``missing``, ``bad path``, ``not a file``, ``empty``, ``truncated``, ``not a video``, ``of several
            sizes``, ``damaged`` or ``unreadable`` (a reader died or hung over it, or was not let in), those of
            `retable.data.decode.image.probe`; None if there is none.
        note: details of the problem, or what is to be known of a file that can be used, such as why PyAV reads it.
        revision: counted up where the same bytes were read as other pixels by an earlier version.
    """

    sha256: str = ""
    frames: int = 0
    width: int = 0
    height: int = 0
    decoder: str = "decord"
    problem: str | None = None
    note: str | None = None
    revision: int = 0

    @property
    def content(self) -> str:
        """Identity of the pixels that are read, hex: the file's own hash until these are others than they were."""
        if not self.revision or not self.sha256:
            return self.sha256
        return hashlib.sha256(f"{self.sha256}/{self.revision}".encode()).hexdigest()


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
        look = _stamped(folder / path)
        if isinstance(look, Found):
            found[path] = look
        else:
            stamps[path] = look
    with locked(memory.with_suffix(".lock")):
        found |= _recall(memory, stamps, tools)
        unread = [path for path in paths if path not in found]
        if not unread:
            return found
        task = "probe" if kind == "video" else "probe image"
        requests = [{"task": task, "path": str(folder / path)} for path in unread]
        with _remembering(memory, stamps, found, tools) as remember:
            for done, (number, answer) in enumerate(readers.answers(requests), 1):
                found[unread[number]] = _found(answer)
                remember()
                if progress:
                    progress(done, len(unread))
        found |= _hashed(folder, found, readers)
    return found


def _stamped(path: Path) -> Stamp | Found:
    """Size and time of a file that a reader may open, or what is wrong with its path. Opens nothing."""
    try:
        status = on_disk(path).stat()
    except FileNotFoundError:
        return Found(problem="missing", note="the lists name it and there is no such file")
    except (OSError, ValueError) as error:  # a link to itself, a name that is too long or has a NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Found(
            problem="bad path", note=f"it can't be looked at: {reason}; mend the path or take it out"
        )
    if not stat.S_ISREG(status.st_mode):
        return Found(problem="not a file", note=f"it is {kind_of(status.st_mode)}; put the file in its place")
    return [status.st_size, status.st_mtime_ns]


def _hashed(folder: Path, found: Mapping[str, Found], readers: Readers) -> dict[str, Found]:
    """Files over which readers died, with their hashes: these are taken by readers too, which may die again."""
    paths = [
        path
        for path, file in found.items()
        if file.problem == "unreadable" and not file.sha256 and on_disk(folder / path) == folder / path
    ]
    requests = [{"task": "hash", "path": str(folder / path)} for path in paths]
    return {
        paths[number]: replace(found[paths[number]], sha256=str(answer.get("digest", "")))
        for number, answer in readers.answers(requests)
    }


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
    return ["probe 2", *(f"{name} {metadata.version(name)}" for name in ("av", "decord"))]


def _found(answer: Mapping[str, object]) -> Found:
    if "error" not in answer:
        return Found(**cast(dict[str, Any], answer))
    return Found(problem="unreadable", note=str(answer["error"]))
