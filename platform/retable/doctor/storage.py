"""Whether what one node writes into the shared storage is what the others read."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyarrow import ArrowException
from pyarrow.fs import FileSystem, LocalFileSystem

from retable.doctor.finding import Finding, failure, ok, warning

CHECK = "shared storage"
PATIENCE = 10.0
"""Seconds to wait for another node's file: NFS looks at a folder anew only every so often."""
LATE = 3.0


@dataclass(frozen=True)
class Mark:
    """A small file in the storage, and what is in it."""

    name: str
    content: str


@dataclass(frozen=True)
class Reading:
    """What a node makes of another's mark.

    Attributes:
        fault: why it could not be read, or what is wrong with it; empty if nothing is.
        seconds: until it was there.
    """

    fault: str = ""
    seconds: float = 0.0


def write(storage: str) -> Mark:
    """Write a mark of one's own.

    Args:
        storage: a folder, or a URL that pyarrow knows, such as ``s3://bucket/folder``.

    Raises:
        OSError: it can't be written.
    """
    system, folder = _opened(storage)
    mark = Mark(f"{folder}/.doctor-{secrets.token_hex(8)}", secrets.token_hex(16))
    system.create_dir(folder)
    with system.open_output_stream(mark.name) as file:
        file.write(mark.content.encode())
    return mark


def read(storage: str, mark: Mark, *, patience: float = PATIENCE) -> Reading:
    """Read a mark that somebody else wrote, waiting for it a while."""
    system, _ = _opened(storage)
    began = time.monotonic()
    while True:
        try:
            with system.open_input_stream(mark.name) as file:
                content = file.read().decode()
            break
        except (OSError, ArrowException) as error:
            if time.monotonic() - began > patience:
                return Reading(f"{type(error).__name__}: {error}".splitlines()[0])
            time.sleep(0.2)
    wrong = (
        ""
        if content == mark.content
        else f"{len(content)} bytes that are not the {len(mark.content)} written"
    )
    return Reading(wrong, time.monotonic() - began)


def remove(storage: str, mark: Mark) -> None:
    """Take one's mark away."""
    _opened(storage)[0].delete_file(mark.name)


def judged(storage: str, readings: Mapping[str, Reading]) -> Finding:
    """What one node's readings come to.

    Args:
        readings: node that wrote -> what was read of its mark.
    """
    share = "mount the same file system at the same path on every node, or set RETABLE_STORAGE to one that all reach"
    for node, reading in readings.items():
        if reading.fault:
            return failure(CHECK, f"{storage}: what {node} wrote can't be read here: {reading.fault}", share)
    slowest = max((reading.seconds for reading in readings.values()), default=0.0)
    if slowest > LATE:
        return warning(
            CHECK,
            f"{storage}: files of other nodes are seen after {slowest:.1f} s",
            "mount it with a shorter attribute cache (NFS: actimeo=1)",
        )
    return ok(CHECK, f"{storage}: written, and files of {len(readings)} nodes read")


def unwritable(storage: str, reason: str) -> Finding:
    """What it comes to that a node can't write."""
    return failure(
        CHECK,
        f"{storage} can't be written: {reason}",
        "give the user write access, or the node its credentials",
    )


def _opened(storage: str) -> tuple[FileSystem, str]:
    if "://" in storage:
        system, folder = FileSystem.from_uri(storage)
        return system, folder.rstrip("/")
    return LocalFileSystem(), str(Path(storage).absolute())
