"""Bits of a picture's samples: how many the file keeps, how many of them mean something, and which value is transparent.

Pillow tells neither PNG's bit depth nor its significant bits (sBIT), and leaves the transparent value (tRNS) in the
file's own bits when it makes 8 of others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR = 0, 2
"""PNG's colour types that may have one transparent value."""

BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281
"""TIFF's tags."""


@dataclass(frozen=True)
class Depth:
    """Bits of a picture.

    Attributes:
        sample: that the file keeps of each sample.
        significant: of these, the number that mean something; at most `sample`.
        transparent: the transparent value of grey with 16 bits; None if there is none.
        scale: what transparent values of grey are multiplied by, to be of 8 bits; 0 if Pillow does so.
    """

    sample: int = 8
    significant: int = 8
    transparent: int | None = None
    scale: int = 0

    @classmethod
    def of(cls, image: Image.Image, data: bytes) -> Self:
        """The depth of a picture that Pillow has opened from these bytes."""
        if data.startswith(PNG):
            return cls._of_png(image, data)
        if image.format == "TIFF" and image.mode.startswith("I;16"):
            tags: dict[int, object] = dict(image.tag_v2)  # type: ignore[attr-defined]
            bits = _first(tags.get(BITS_PER_SAMPLE), 16)
            most = _first(tags.get(MAX_SAMPLE_VALUE), 0).bit_length()
            found = [number for number in (bits, most) if 8 <= number < 16]
            return cls(16, min(found, default=16))
        return cls(16, 16) if image.mode.startswith("I;16") else cls()

    @classmethod
    def _of_png(cls, image: Image.Image, data: bytes) -> Self:
        chunks = dict(_chunks(data))
        header = chunks.get(b"IHDR", b"")
        if len(header) < 10:
            return cls()
        sample, kind = header[8], header[9]
        bits = chunks.get(b"sBIT", b"")
        significant = max(bits) if bits and all(8 <= number <= sample for number in bits) else sample
        clear = image.info.get("transparency")
        if image.mode.startswith("I;16"):
            return cls(16, significant, clear if isinstance(clear, int) else None)
        scale = 255 // ((1 << sample) - 1) if kind == GREY and sample in (2, 4) else 0
        return cls(sample, significant, scale=scale)

    def transparent_in_8_bits(self, clear: object) -> int | tuple[int, ...] | None:
        """A transparent value as the picture's 8 bits have it; None where Pillow's own will do."""
        if isinstance(clear, int) and self.scale:
            return clear * self.scale
        if isinstance(clear, tuple) and self.sample == 16:
            return tuple(int(value) >> 8 for value in clear)
        return None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of a PNG's chunks before its pixels."""
    place = len(PNG)
    while place + 8 <= len(data):
        size, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if name == b"IDAT":
            return
        yield name, data[place + 8 : place + 8 + size]
        place += 12 + size


def _first(value: object, otherwise: int) -> int:
    """A TIFF tag's number, or its first."""
    if isinstance(value, tuple) and value:
        value = value[0]
    return value if isinstance(value, int) else otherwise
