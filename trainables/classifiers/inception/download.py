"""Downloads a published file of weights once, into the cache folder. Called by the command that converts it only."""

import hashlib
import re
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from retable.io.cache import cache_folder
from retable.io.files import replacing

SECONDS = 30.0
"""Without a sign of the server, until it is given up."""

MEGABYTE = 1_000_000


def fetched(url: str, tell: Callable[[int, int], None], *, seconds: float = SECONDS) -> Path:
    """The file of that address, whose name ends with how its SHA-256 begins, as releases of weights for torch do.

    Args:
        url: ``.../name-1a2b3c4d.pth``.
        tell: called with (megabytes downloaded, total).
        seconds: time-out of each wait for the server.

    Returns:
        Its place in the cache folder: it is whole, and its hash fits.

    Raises:
        ConnectionError: it can't be had from there.
        ValueError: what came is another file; it is not kept.
        OSError: the cache folder can't be written.
    """
    name = url.rpartition("/")[2]
    digits = re.findall("-([0-9a-f]{8,64})[.]", name)[-1]
    path = cache_folder() / name
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest().startswith(digits):
        return path
    digest, size = hashlib.sha256(), 0
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            for piece in _chunks(url, tell, seconds):
                digest.update(piece)
                size += file.write(piece)
        if not digest.hexdigest().startswith(digits):
            raise ValueError(
                f"{url} must have a SHA-256 that begins with {digits}, as its name says, but {size:,} bytes came with "
                f"{digest.hexdigest()[:8]}…; they are not kept"
            )
    return path


def _chunks(url: str, tell: Callable[[int, int], None], seconds: float) -> Iterator[bytes]:
    try:
        with urlopen(url, timeout=seconds) as answer:
            total = -(-int(answer.headers["Content-Length"] or 0) // MEGABYTE)
            for count, piece in enumerate(iter(lambda: answer.read(MEGABYTE), b""), start=1):
                yield piece
                tell(count, max(count, total))
    except (OSError, HTTPException) as error:
        raise ConnectionError(f"{url} can't be fetched ({error})") from error
