"""Files, JSON and folders that are written whole or not at all, also across a power cut."""

import errno
import json
import os
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retable.errors import RetableError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the same folder; it replaces `path` when the block ends without an error.

    The data reaches the disk before the name does, so a crash at any point leaves the old file or the new one. Parent
    folders are made.

    Raises:
        NotWritableError: the folder can't be written.
    """
    make_folder(path.parent)
    with _writable(path.parent):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp makes it private; a tracker's server may run as another user
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


TEMPORARY = ".tmp"
"""How the name of something unfinished ends."""


NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
AGAIN = "make room and run the same command again"


class DiskFull(RetableError, OSError):
    """There was no room for a file. What was there before is intact, what was begun is removed."""


class NotWritableError(RetableError, OSError):
    """A file or folder can't be made or changed where it should be."""


class UnusableFileError(RetableError, ValueError):
    """A file is damaged, of another version, or another's."""


class MissingFileError(RetableError, FileNotFoundError):
    """A file that should be there is not."""


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole. Parent folders are made.

    Raises:
        DiskFull: there is no room; the old file is intact.
    """
    make_folder(path.parent)
    with room_for(len(data), path.parent), replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a file whole, in UTF-8. Raises as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write a file whole, as indented JSON. Raises as `write_bytes` does, and:

    Raises:
        ValueError: a number is not finite, or the value refers to itself.
        TypeError: the value holds something that JSON cannot express.
    """
    try:
        text = json.dumps(value, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        error.add_note(f"while writing {path}: give plain data whose numbers are finite")
        raise
    write_text(path, text + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file that `write_json` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        UnusableFileError: it is damaged.
    """
    remedy = "restore a copy of it"
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnusableFileError(f"{path} is damaged ({error})", remedy=remedy) from error
    if not isinstance(found, dict):
        raise UnusableFileError(f"{path} must hold a JSON object, but holds {found!r:.40}", remedy=remedy)
    return found


def make_folder(path: Path) -> None:
    """Make a folder and its parents such that they survive a power cut.

    Raises:
        NotWritableError: it can't be made.
    """
    if not path.is_dir():
        make_folder(path.parent)
        with _writable(path):
            path.mkdir(exist_ok=True)
        sync(path.parent)


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Turn the refusal of an operating system into an expected error."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull(f"there is no room for {path}", remedy=AGAIN) from error
        why = "a file has that name" if isinstance(error, FileExistsError) else error.strerror
        raise NotWritableError(
            f"{path} can't be written: {why}",
            remedy="let this user write there, or name another place (--out for results, RETABLE_CACHE for the cache)",
        ) from error


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`, for files; it is renamed to `path` when the block ends without an error.

    Raises:
        OSError: `path` exists and is not empty.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    make_folder(path.parent)
    try:
        with _writable(path):
            temporary.mkdir()
        yield temporary
        for file in temporary.iterdir():
            sync(file)
        sync(temporary)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync(path.parent)


@contextmanager
def room_for(needed: int, folder: Path) -> Iterator[None]:
    """A block that writes `needed` bytes into a folder.

    Raises:
        DiskFull: fewer bytes are free, before the block or during it.
    """
    if shutil.disk_usage(folder).free < needed:
        raise _disk_full(needed, folder)
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise _disk_full(needed, folder) from error


def _disk_full(needed: int, folder: Path) -> DiskFull:
    free = shutil.disk_usage(folder).free
    return DiskFull(
        f"{needed:,} bytes are needed in {folder}, but {free:,} are free (or a quota is reached)",
        remedy=AGAIN,
    )


def seal(record: Mapping[str, object]) -> bytes:
    """One line of JSON whose last member, ``crc32``, is the checksum of the text before it.

    Raises:
        ValueError: a number is not finite.
    """
    body = json.dumps(record, separators=(",", ":"), allow_nan=False).encode()[:-1]
    return b'%s,"crc32":"%08x"}\n' % (body, zlib.crc32(body))


def unseal(line: bytes) -> dict[str, object]:
    """The record of a line that `seal` wrote.

    Raises:
        ValueError: it is cut, or a bit of it has changed.
    """
    body, _, checksum = line.rpartition(b',"crc32":"')
    if not body or checksum != b'%08x"}\n' % zlib.crc32(body):
        raise ValueError(f"the checksum does not fit {len(line)} bytes that begin with {line[:40]!r}")
    record: dict[str, object] = json.loads(body + b"}")
    return record
