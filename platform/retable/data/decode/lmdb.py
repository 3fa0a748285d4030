"""Images in LMDB environments, LSUN's layout: a folder with ``data.mdb`` in it, whose values are encoded images.

A value has a path like a file's, ``folder/data.mdb/key``, with the key percent-encoded. Only reader processes open
environments: a damaged one can kill its reader (the file is mapped into memory), and not the run.
"""

import resource
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Protocol
from urllib.parse import quote_from_bytes, unquote_to_bytes

from retable.data.decode.errors import DataError
from retable.data.decode.regular import open_regular

DATA = "data.mdb"
MEND = "copy it anew, or take its folder out of the data set"


class Cursor(Protocol):
    """What is used of ``lmdb.Cursor``."""

    def set_range(self, key: bytes) -> bool: ...
    def iternext(self, keys: bool, values: bool) -> Iterator[bytes]: ...


class Transaction(Protocol):
    """What is used of ``lmdb.Transaction``."""

    def get(self, key: bytes) -> bytes | None: ...
    def cursor(self) -> Cursor: ...


class Environment(Protocol):
    """What is used of ``lmdb.Environment``."""

    def begin(self) -> Transaction: ...


def on_disk(path: Path) -> Path:
    """The file that holds what a path names: an environment's for a value's path, else the path itself."""
    return path.parent if path.parent.name == DATA else path


def read_bytes(path: Path) -> bytes:
    """A file's bytes, or a value's.

    Raises:
        FileNotFoundError: there is no such file or key.
        DataError: it is in an environment, and lmdb is not installed or can't open it.
    """
    if on_disk(path) == path:
        with open_regular(path) as file:
            return file.read()
    value = _transaction(path.parent.parent).get(unquote_to_bytes(path.name))
    if value is None:
        raise FileNotFoundError(f"{path.parent} has no key {path.name}")
    return bytes(value)


def list_keys(folder: Path, after: str, most: int) -> list[str]:
    """Percent-encoded keys of an environment in their order, from the first one beyond `after` (all if empty)."""
    cursor = _transaction(folder).cursor()
    last = unquote_to_bytes(after)
    if after and not cursor.set_range(last):
        return []
    keys: list[str] = []
    for key in cursor.iternext(keys=True, values=False):
        if len(keys) == most:
            break
        if not after or bytes(key) != last:
            keys.append(quote_from_bytes(bytes(key), safe=""))
    return keys


@cache
def _transaction(folder: Path) -> Transaction:
    """The one transaction of this process over an environment that nobody writes."""
    try:
        import lmdb
    except ModuleNotFoundError as error:
        raise DataError(
            f"{folder} is an LMDB environment, and the package lmdb is not installed; "
            "run pip install 'retable[lmdb]' on every machine that reads it, or export it to image files"
        ) from error
    _allow((folder / DATA).stat().st_size)
    try:
        environment: Environment = lmdb.open(
            str(folder), readonly=True, lock=False, readahead=False, create=False
        )
        return environment.begin()
    except lmdb.Error as error:
        raise DataError(
            f"{folder} must be an LMDB environment, but lmdb can't open it ({error}); {MEND}"
        ) from error


def _allow(size: int) -> None:
    """Let this process map so many bytes more: its limit is meant for what files claim to hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(
            resource.RLIMIT_AS,
            (soft + size if hard == resource.RLIM_INFINITY else min(soft + size, hard), hard),
        )
