"""LMDB environments of images, LSUN's layout.

An environment is a folder with ``data.mdb`` in it, whose values are encoded images. A value has a path like a
file's, ``folder/data.mdb/key``, with the key percent-encoded. Only reader processes open environments: the
file is mapped into memory, so a damaged one can kill the process that opens it.
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
MEND = "copy it again, or take its folder out of the data set"


class Cursor(Protocol):
    """Used methods of ``lmdb.Cursor``."""

    def set_range(self, key: bytes) -> bool: ...
    def iternext(self, keys: bool, values: bool) -> Iterator[bytes]: ...


class Transaction(Protocol):
    """Used methods of ``lmdb.Transaction``."""

    def get(self, key: bytes) -> bytes | None: ...
    def cursor(self) -> Cursor: ...


class Environment(Protocol):
    """Used methods of ``lmdb.Environment``."""

    def begin(self) -> Transaction: ...


def on_disk(path: Path) -> Path:
    """File on disk for a path: the environment's data file for the path of a value, else the path itself."""
    return path.parent if path.parent.name == DATA else path


def read_bytes(path: Path) -> bytes:
    """Bytes of a file or of a value.

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
    """First `most` percent-encoded keys of an environment after the key `after`; empty for all."""
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
    """Read transaction of this process on an environment, opened once."""
    try:
        import lmdb
    except ModuleNotFoundError as error:
        raise DataError(
            f"{folder} is an LMDB environment, and the package lmdb is not installed",
            remedy="run pip install 'retable[lmdb]' on every machine that reads it, or export it to image files",
        ) from error
    _allow((folder / DATA).stat().st_size)
    try:
        environment: Environment = lmdb.open(
            str(folder), readonly=True, lock=False, readahead=False, create=False
        )
        return environment.begin()
    except lmdb.Error as error:
        raise DataError(
            f"{folder} must be an LMDB environment, but lmdb can't open it ({error})", remedy=MEND
        ) from error


def _allow(size: int) -> None:
    """Raise this process's limit of address space by so many bytes: the limit is meant for decoded files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(
            resource.RLIMIT_AS,
            (soft + size if hard == resource.RLIM_INFINITY else min(soft + size, hard), hard),
        )
