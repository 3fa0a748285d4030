"""An object store: a folder that a URL names (``s3://bucket/folder``, ``gs://…``, ``file:///…``), through pyarrow.

A file appears whole or not at all. There is no renaming of folders, no appending and no locking, since object stores have
none of them.
"""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pyarrow import fs

from retable.errors import RetableError
from retable.io.files import make_folder

WHOLE_ON_CLOSE = frozenset({"s3", "gcs", "abfs"})
"""File systems on which a file appears when it is closed. On others it is written under another name and then moved."""
TEMPORARY = ".part"
CHUNK = 1 << 22


class ObjectStoreError(RetableError, ValueError):
    """A URL under which results can't live."""


class ObjectStore:
    """Files by name under a URL, such as ``trials/0123456789abcdef/result.json``.

    Raises:
        ObjectStoreError: pyarrow does not know this kind of URL, or the URL is malformed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            system, root = fs.FileSystem.from_uri(url)
        except (ValueError, OSError) as error:
            raise ObjectStoreError(
                f"{url} can't hold results: {error}",
                remedy="give s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or file:///FOLDER",
            ) from error
        self._system: Any = system
        self._root = str(root).rstrip("/")

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes by name of all files under a folder, at any depth; empty if there is no such folder."""
        selector = fs.FileSelector(self._path(folder), recursive=True, allow_not_found=True)
        return {
            info.path.removeprefix(self._root).lstrip("/"): info.size
            for info in self._system.get_file_info(selector)
            if info.type == fs.FileType.File and not info.path.endswith(TEMPORARY)
        }

    def size(self, name: str) -> int | None:
        """Bytes of a file; None if there is none."""
        info = self._system.get_file_info(self._path(name))
        return int(info.size) if info.type == fs.FileType.File else None

    def read(self, name: str, offset: int = 0) -> bytes:
        """A file's content, from a byte offset on.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with self._system.open_input_file(self._path(name)) as file:
            file.seek(offset)
            return bytes(file.read())

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole."""
        self._write(name, iter((data,)))

    def upload(self, path: Path, name: str) -> None:
        """Copy a local file to the store, whole."""
        self._write(name, _chunks(path))

    def download(self, name: str, path: Path) -> None:
        """Copy a file into an existing local folder. An interrupted copy leaves a part of the file."""
        with self._system.open_input_stream(self._path(name)) as source, path.open("wb") as goal:
            while data := source.read(CHUNK):
                goal.write(data)

    def delete(self, name: str) -> None:
        """Delete a file. A missing file is no error."""
        with suppress(FileNotFoundError):
            self._system.delete_file(self._path(name))

    def _write(self, name: str, chunks: Iterator[bytes]) -> None:
        path = self._path(name)
        whole_on_close = self._system.type_name in WHOLE_ON_CLOSE
        goal = path if whole_on_close else f"{path}.{secrets.token_hex(4)}{TEMPORARY}"
        if not whole_on_close:
            if self._system.type_name == "local":
                make_folder(Path(path).parent)
            else:
                self._system.create_dir(path.rpartition("/")[0], recursive=True)
        with self._system.open_output_stream(goal) as stream:
            for chunk in chunks:
                stream.write(chunk)
        if goal != path:
            self._system.move(goal, path)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}".rstrip("/")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            yield data
