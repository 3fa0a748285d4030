"""Bit depth of pictures: stored bits, significant bits and the transparent value.

Pillow reports neither PNG's bit depth nor its significant bits (sBIT), and leaves the transparent value
(tRNS) in the file's own bit depth when it converts the pixels to 8 bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR = 0, 2
"""PNG's colour types that may have a transparent value."""

BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281
"""Tags of TIFF."""


@dataclass(frozen=True)
class Depth:
    """Bit depth of a picture.

    Attributes:
        sample: bits stored for each sample.
        significant: number of significant bits; at most `sample`.
        transparent: the transparent value of 16-bit grey; None if there is none.
        scale: factor that converts a transparent value of grey to 8 bits; 0 if Pillow converts it.
    """

    sample: int = 8
    significant: int = 8
    transparent: int | None = None
    scale: int = 0

    @classmethod
    def of(cls, image: Image.Image, data: bytes) -> Self:
        """Depth of a picture that Pillow has opened from these bytes."""
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
        """Transparent value in the 8 bits of the converted picture; None where Pillow's own is right."""
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
    """Number of a TIFF tag, or the first of its numbers."""
    if isinstance(value, tuple) and value:
        value = value[0]
    return value if isinstance(value, int) else otherwise
