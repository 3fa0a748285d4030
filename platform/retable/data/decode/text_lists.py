"""Parser of the user's text lists: UCF101's lists, lists of checksums and FaceForensics' JSON."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retable.data.decode.errors import DataError
from retable.data.decode.regular import open_regular

LARGEST = 1 << 28
"""Most bytes of a list; enough for about four million files."""


@dataclass(frozen=True)
class Line:
    """A line of a list that is not blank, stripped. `number` counts from 1."""

    path: Path
    number: int
    text: str

    @property
    def where(self) -> str:
        """Location of the line, for messages."""
        return f"{self.path} line {self.number}"

    def fault(self, says: str, remedy: str) -> DataError:
        """Error about this line."""
        return DataError(f"{self.where} {says}: {self.text[:80]!r}", remedy=remedy)


def read_text(path: Path) -> str:
    """Text of a list in UTF-8, with or without a byte order mark.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it is not a regular file, is too large, or is not in UTF-8; names the line.
    """
    data = read_regular(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        kind = _encoding(data)
        raise DataError(
            f"{path} line {number} must be UTF-8, but has the byte 0x{data[error.start]:02x}: the file looks like {kind}",
            remedy=f"convert it, such as with iconv -f {kind} -t UTF-8",
        ) from None
    if (place := text.find("\0")) >= 0 and _encoding(data).startswith("UTF-16"):
        raise DataError(
            f"{path} line {text.count(chr(10), 0, place) + 1} must be UTF-8, but has NUL bytes: the file looks like "
            f"{_encoding(data)}",
            remedy=f"convert it, such as with iconv -f {_encoding(data)} -t UTF-8",
        )
    return text


def read_lines(path: Path) -> Iterator[Line]:
    """Lines of a list that are not blank, with any line ends. Raises as `read_text` does."""
    text = read_text(path).replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        if stripped := line.strip():
            yield Line(path, number, stripped)


def read_regular(path: Path) -> bytes:
    """Bytes of a regular file; never blocks on a pipe or a device.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it is not a regular file, can't be opened, or is larger than `LARGEST`.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST:
                raise DataError(
                    f"{path} must be a list, but has {size:,} bytes", remedy="put a list in its place"
                )
            return file.read(LARGEST)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(
            f"{path} can't be read ({error.strerror or error})", remedy="mend it or put a copy in its place"
        ) from error


def _encoding(data: bytes) -> str:
    """Guess at the encoding, for a message."""
    start = data[:2]
    if start == b"\xff\xfe" or (len(start) == 2 and start[1] == 0):
        return "UTF-16LE"
    if start == b"\xfe\xff" or (len(start) == 2 and start[0] == 0):
        return "UTF-16BE"
    return "ISO-8859-1"
