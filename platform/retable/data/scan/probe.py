"""Cached probe results of the files of a data set. A reader process decodes each file once."""

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
class ProbeResult:
    """Result of probing a file. Without a problem, frames, width and height are positive.

    Attributes:
        sha256: SHA-256 of the file's bytes, hex; empty if it could not be read.
        problem: ``missing``, ``bad path``, ``not a file``, ``empty``, ``truncated``, ``not a video``, ``of
            several sizes``, ``damaged`` or ``unreadable`` (a reader died, hung or could not open it), or one
            of `retable.data.decode.image.probe`; None if there is none.
        note: details of the problem, or a remark on a usable file, such as the reason why PyAV reads it.
        revision: increased if an earlier version read other pixels from the same bytes.
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
        """Identity of the pixels, hex: the hash of the file, or of hash and revision if there is one."""
        if not self.revision or not self.sha256:
            return self.sha256
        return hashlib.sha256(f"{self.sha256}/{self.revision}".encode()).hexdigest()


SAVE_SECONDS = 30.0
"""Seconds between writes of the cache: most work that a killed scan loses."""

Stamp = list[int]
"""Size in bytes and modification time in nanoseconds."""


def probe_files(
    folder: Path,
    paths: Sequence[str],
    cache_file: Path,
    readers: Readers,
    progress: Progress | None = None,
    kind: Kind = "video",
) -> dict[str, ProbeResult]:
    """Probe results of files, by path.

    Args:
        folder: the folder that the paths are relative to.
        paths: the files.
        cache_file: JSON file of earlier results, kept up to date. A file with unchanged size and time is not
            read again. Two processes with the same cache do the work once.
        readers: the reader processes.
        progress: called after each file that is read.
        kind: the kind of the files.
    """
    tools = _tools(kind)
    found: dict[str, ProbeResult] = {}
    stamps: dict[str, Stamp] = {}
    for path in paths:
        stamp = _stamped(folder / path)
        if isinstance(stamp, ProbeResult):
            found[path] = stamp
        else:
            stamps[path] = stamp
    with locked(cache_file.with_suffix(".lock")):
        found |= _cached(cache_file, stamps, tools)
        unread = [path for path in paths if path not in found]
        if not unread:
            return found
        task = "probe" if kind == "video" else "probe image"
        requests = [{"task": task, "path": str(folder / path)} for path in unread]
        with _saved(cache_file, stamps, found, tools) as save:
            for done, (number, answer) in enumerate(readers.answers(requests), 1):
                found[unread[number]] = _probe_result(answer)
                save()
                if progress:
                    progress(done, len(unread))
        found |= _hashed(folder, found, readers)
    return found


def _stamped(path: Path) -> Stamp | ProbeResult:
    """Size and time of a regular file, or the problem of its path. Opens nothing."""
    try:
        status = on_disk(path).stat()
    except FileNotFoundError:
        return ProbeResult(problem="missing", note="the lists name it and there is no such file")
    except (OSError, ValueError) as error:  # a link to itself, a name that is too long or has a NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return ProbeResult(
            problem="bad path", note=f"it can't be looked at: {reason}; mend the path or take it out"
        )
    if not stat.S_ISREG(status.st_mode):
        return ProbeResult(
            problem="not a file", note=f"it is {kind_of(status.st_mode)}; put the file in its place"
        )
    return [status.st_size, status.st_mtime_ns]


def _hashed(folder: Path, found: Mapping[str, ProbeResult], readers: Readers) -> dict[str, ProbeResult]:
    """Hash the files that killed their readers, with readers too, which may die again."""
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


def _cached(cache_file: Path, stamps: Mapping[str, Stamp], tools: Sequence[str]) -> dict[str, ProbeResult]:
    """Results in the cache of files with unchanged size and time."""
    if not cache_file.is_file():
        return {}
    try:
        content = json.loads(cache_file.read_bytes())
    except ValueError:  # damaged: probe again
        return {}
    if content["tools"] != tools:
        return {}
    return {
        path: ProbeResult(**entry["found"])
        for path, entry in content["files"].items()
        if entry["stamp"] == stamps.get(path)
    }


@contextmanager
def _saved(
    cache_file: Path, stamps: Mapping[str, Stamp], found: Mapping[str, ProbeResult], tools: Sequence[str]
) -> Iterator[Callable[[], None]]:
    """Write the cache when the block asks, at most every `SAVE_SECONDS`, and at its end in any case."""
    written = time.monotonic()

    def write() -> None:
        nonlocal written
        written = time.monotonic()
        files = {
            path: {"stamp": stamp, "found": asdict(found[path])}
            for path, stamp in stamps.items()
            # A reader may have died for another reason than the file: probe it again next time.
            if path in found and found[path].problem != "unreadable"
        }
        write_json(cache_file, {"tools": tools, "files": files})

    def save() -> None:
        if time.monotonic() - written > SAVE_SECONDS:
            write()

    try:
        yield save
    finally:
        write()


def _tools(kind: Kind) -> list[str]:
    """Versions of the probe and the decoders: others invalidate the cache. Increase ours with the probe."""
    if kind == "image":
        return [f"probe image {image.VERSION}", f"pillow {metadata.version('pillow')}"]
    return ["probe 2", *(f"{name} {metadata.version(name)}" for name in ("av", "decord"))]


def _probe_result(answer: Mapping[str, object]) -> ProbeResult:
    if "error" not in answer:
        return ProbeResult(**cast(dict[str, Any], answer))
    return ProbeResult(problem="unreadable", note=str(answer["error"]))
