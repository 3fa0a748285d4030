"""Samples of more or fewer than 8 bits, and their transparent values, against pixels that are known."""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retable.data.decode.image import ImageProblem, probe, read
from retable.data.scan.catalog import scan

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases" / "image"
cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"there is no {CASES}")
GREY, COLOUR, GREY_ALPHA = 0, 2, 4
Chunk = tuple[bytes, bytes]


def png(bits: int, kind: int, width: int, rows: Sequence[bytes], *more: Chunk) -> bytes:
    """A PNG from its packed rows: Pillow doesn't write these."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = (
        chunk(b"IHDR", header),
        *(chunk(*one) for one in more),
        chunk(b"IDAT", pixels),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def row16(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def greys(data: bytes) -> list[int]:
    pixels = read(data)
    assert (pixels == pixels[..., :1]).all()
    return [int(value) for value in pixels[0, :, 0]]


def tiff(values: Sequence[int], **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.array([values], np.uint16)).save(file, "tiff", **options)
    return file.getvalue()


RIGHT = {  # the file, its greys, and whether they are others than they were
    "16 bits": (png(16, GREY, 3, [row16(0, 0x8000, 0xFFFF)]), [0, 128, 255], 0),
    "16 bits with a transparent value": (
        png(16, GREY, 4, [row16(0, 1, 0x8000, 0xFFFF)], (b"tRNS", row16(0))),
        [255, 0, 128, 255],
        1,
    ),
    "16 bits with a transparent value that none has": (
        png(16, GREY, 3, [row16(0, 0x8000, 0xFFFF)], (b"tRNS", row16(7))),
        [0, 128, 255],
        0,
    ),
    "12 bits at the low end of 16": (
        png(16, GREY, 4, [row16(0, 16, 2048, 4095)], (b"sBIT", b"\x0c")),
        [0, 1, 128, 255],
        1,
    ),
    "12 bits at the high end of 16": (
        png(16, GREY, 3, [row16(0, 2048 << 4, 4095 << 4)], (b"sBIT", b"\x0c")),
        [0, 128, 255],
        0,
    ),
    "10 bits, and a transparent value": (
        png(16, GREY, 3, [row16(0, 512, 1023)], (b"sBIT", b"\x0a"), (b"tRNS", row16(512))),
        [0, 255, 255],
        1,
    ),
    "4 bits with a transparent value": (
        png(4, GREY, 4, [bytes([0x05, 0xAF])], (b"tRNS", row16(5))),
        [0, 255, 170, 255],
        1,
    ),
    "2 bits with a transparent value": (
        png(2, GREY, 4, [bytes([0b00011011])], (b"tRNS", row16(1))),
        [0, 255, 170, 255],
        1,
    ),
    "1 bit with a transparent value": (
        png(1, GREY, 4, [bytes([0b01010000])], (b"tRNS", row16(0))),
        [255, 255, 255, 255],
        0,
    ),
    "8 bits with a transparent value": (
        png(8, GREY, 3, [bytes([0, 5, 255])], (b"tRNS", row16(5))),
        [0, 255, 255],
        0,
    ),
    "a TIFF that says its largest value": (tiff([0, 2048, 4095], tiffinfo={281: 4095}), [0, 128, 255], 1),
    "a TIFF of 16 bits": (tiff([0, 0x8000, 0xFFFF]), [0, 128, 255], 0),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_the_significant_bits_are_read(kind: str) -> None:
    data, expected, revision = RIGHT[kind]
    assert greys(data) == expected
    assert probe(data).revision == revision


def test_16_bit_colour_with_a_transparent_value() -> None:
    colours = [0x1234, 0x5678, 0x9ABC, 0xFF00, 0x0100, 0x8000]
    data = png(16, COLOUR, 2, [row16(*colours)], (b"tRNS", row16(*colours[:3])))
    np.testing.assert_array_equal(read(data), [[[255, 255, 255], [255, 1, 128]]])
    assert probe(data).revision == 1


@pytest.mark.parametrize(("kind", "samples"), [(COLOUR, (4095, 1000, 0)), (GREY_ALPHA, (4095, 0xFFFF))])
def test_few_bits_of_16_in_colour_have_no_known_range(kind: int, samples: tuple[int, ...]) -> None:
    """Pillow has dropped the low bits before anyone can look."""
    bits = (b"sBIT", bytes([12]) * len(samples))
    with pytest.raises(ImageProblem, match="only 12 of its 16 bits are in use, at the low end; save it"):
        read(png(16, kind, 1, [row16(*samples)], bits))


def test_few_bits_of_16_in_colour_at_the_high_end_are_read() -> None:
    data = png(16, COLOUR, 1, [row16(4095 << 4, 1000 << 4, 0)], (b"sBIT", bytes([12]) * 3))
    np.testing.assert_array_equal(read(data), [[[255, 62, 0]]])


def test_values_that_may_be_of_fewer_bits_are_noted() -> None:
    assert "no value is over 4000 of 65535" in (probe(png(16, GREY, 2, [row16(0, 4000)])).note or "")
    assert probe(png(16, GREY, 2, [row16(0, 9000)])).note is None
    assert "12 significant bits of 16" in (
        probe(png(16, GREY, 2, [row16(0, 4000)], (b"sBIT", b"\x0c"))).note or ""
    )


@pytest.mark.parametrize(
    "error",
    [
        struct.error("x"),
        ZeroDivisionError(),
        KeyError("x"),
        RuntimeError("x"),
        AssertionError(),
        NotImplementedError(),
    ],
)
def test_any_exception_of_the_library_is_damage(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Image, "open", fails)
    with pytest.raises(ImageProblem, match=type(error).__name__) as caught:
        probe(b"something")
    assert caught.value.kind == "damaged"


def test_too_little_memory_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", fails)
    with pytest.raises(ImageProblem) as caught:
        probe(b"something")
    assert caught.value.kind == "too large"


def test_what_is_damaged_is_remembered(tmp_path: Path) -> None:
    """A PNG whose header chunk is two bytes long makes Pillow raise struct.error, or whatever it likes."""
    whole = png(8, GREY, 3, [bytes([0, 5, 255])])
    for number, data in enumerate(
        (whole, whole[:16] + b"\0\0" + whole[33:], whole.replace(b"IHDR", b"IHDX"))
    ):
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / f"{number}.png").write_bytes(data)
    first = scan(tmp_path / "set", cache=tmp_path / "cache")
    assert [video.problem is None for video in first.videos] == [True, False, False]
    assert "unreadable" not in {video.problem for video in first.videos}
    read_again: list[int] = []
    assert (
        scan(tmp_path / "set", cache=tmp_path / "cache", progress=lambda done, _: read_again.append(done))
        == first
    )
    assert read_again == []


@cases
def test_the_cases() -> None:
    ramp = read((CASES / "g12_sbit.png").read_bytes())
    np.testing.assert_array_equal(ramp[0, :, 0], np.arange(32) * 8)
    pixels = read((CASES / "g16_trns.png").read_bytes())
    assert set(np.unique(pixels)) == {255, 40000 >> 8}
