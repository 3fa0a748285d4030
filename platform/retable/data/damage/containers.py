"""Truncation of media files, by the sizes that their containers declare, without decoding."""

from pathlib import Path
from typing import IO

SEGMENT = b"\x18\x53\x80\x67"
"""Identifier of Matroska's outermost element, which holds all others."""

PACKETS = ((188, 0), (192, 4))
"""Bytes of a packet of an MPEG transport stream (.ts, .m2ts), and the position of the byte 0x47 in it."""


def cut_short(path: Path, *, early: bool = False) -> bool:
    """True if a media file is cut short.

    An mp4, AVI, Matroska or WebM file is shorter than declared, or a transport stream ends within a packet.
    With `early`, only mp4 and AVI are examined, as the first version did.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(1024)
        if head[:4] == b"RIFF":
            declared = int.from_bytes(head[4:8], "little")
            return declared != 0xFFFFFFFF and declared + 8 > size
        if head[4:8] == b"ftyp":
            return _mp4_is_short(file, size)
    if early:
        return False
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _matroska_is_short(head, size)
    return any(
        len(head) > place + 4 * step
        and all(head[place + n * step] == 0x47 for n in range(5))
        and size % step != 0
        for step, place in PACKETS
    )


def _mp4_is_short(file: IO[bytes], size: int) -> bool:
    start, boxes = 0, set()
    while start + 8 <= size:
        file.seek(start)
        head = file.read(16)
        boxes.add(head[4:8])
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:  # to the end of the file
            length = size - start
        if length < 8:
            return True
        start += length
    return start != size or b"moov" not in boxes


def _matroska_is_short(head: bytes, size: int) -> bool:
    """True if the file ends before its segment; False for a segment of unknown size (live recordings)."""
    place = head.find(SEGMENT)
    if place < 0 or place + 12 > len(head):
        return False
    first = head[place + 4]
    length = 9 - first.bit_length()  # the number of leading zero bits gives the length of the size in bytes
    if not 1 <= length <= 8:
        return False
    number = int.from_bytes(head[place + 4 : place + 4 + length], "big") & ((1 << 7 * length) - 1)
    unknown = number == (1 << 7 * length) - 1
    return not unknown and place + 4 + length + number > size
