"""A check of the shared storage of results: each node reads the files that the others write."""

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
"""Seconds to wait for another node's file: NFS caches the content of folders."""
LATE = 3.0
"""Seconds after which a file appears late."""


@dataclass(frozen=True)
class Mark:
    """A small file in the storage, and its content."""

    name: str
    content: str


@dataclass(frozen=True)
class Reading:
    """The outcome of reading another node's mark.

    Attributes:
        fault: why it could not be read, or why its content is wrong; empty if there is no fault.
        seconds: seconds until the file appeared.
    """

    fault: str = ""
    seconds: float = 0.0


def write(results: str) -> Mark:
    """Write a mark.

    Args:
        results: a folder, or a URL that pyarrow knows, such as ``s3://bucket/folder``.

    Raises:
        OSError: it can't be written.
    """
    system, folder = _open(results)
    mark = Mark(f"{folder}/.doctor-{secrets.token_hex(8)}", secrets.token_hex(16))
    system.create_dir(folder)
    with system.open_output_stream(mark.name) as file:
        file.write(mark.content.encode())
    return mark


def read(results: str, mark: Mark, *, patience: float = PATIENCE) -> Reading:
    """Read a mark that another node wrote; wait for it for a while."""
    system, _ = _open(results)
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


def remove(results: str, mark: Mark) -> None:
    """Delete a mark."""
    _open(results)[0].delete_file(mark.name)


def assess(results: str, readings: Mapping[str, Reading]) -> Finding:
    """Assess the readings of one node.

    Args:
        readings: reading by the node that wrote the mark.
    """
    share = "mount the same file system at the same path on every node, or set RETABLE_STORAGE to one that all reach"
    for node, reading in readings.items():
        if reading.fault:
            return failure(CHECK, f"{results}: what {node} wrote can't be read here: {reading.fault}", share)
    slowest = max((reading.seconds for reading in readings.values()), default=0.0)
    if slowest > LATE:
        return warning(
            CHECK,
            f"{results}: files of other nodes are seen after {slowest:.1f} s",
            "mount it with a shorter attribute cache (NFS: actimeo=1)",
        )
    return ok(CHECK, f"{results}: written, and files of {len(readings)} nodes read")


def unwritable(results: str, reason: str) -> Finding:
    """The finding that a node can't write."""
    return failure(
        CHECK,
        f"{results} can't be written: {reason}",
        "give the user write access, or the node its credentials",
    )


def _open(results: str) -> tuple[FileSystem, str]:
    if "://" in results:
        system, folder = FileSystem.from_uri(results)
        return system, folder.rstrip("/")
    return LocalFileSystem(), str(Path(results).absolute())
