"""Every kind of image file against pixels that are known."""

import io
import struct
from collections.abc import Mapping

import numpy as np
import pytest
from PIL import Image

from retable.data.decode.image import ImageProblem, probe, read

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = RGB[..., 0]
DEEP = np.random.default_rng(1).integers(0, 65536, (20, 30), dtype=np.uint16)


def encoded(image: Image.Image, kind: str = "png", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_orientation(number: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = number
    return encoded(Image.fromarray(RGB), exif=exif)


def with_strange_exif() -> bytes:
    """On its side, beside a width that is a word: what Pillow can read and not write again."""
    entries = struct.pack("<HHI4s", 0x0100, 2, 4, b"abc") + struct.pack("<HHII", 0x0112, 3, 1, 6)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    return encoded(Image.fromarray(RGB), exif=exif)


def translucent() -> Image.Image:
    alpha = np.zeros((20, 30, 1), np.uint8)
    alpha[:, 15:] = 255
    return Image.fromarray(np.concatenate([RGB, alpha], axis=2))


def palette() -> Image.Image:
    image = Image.new("P", (30, 20))
    image.putdata((GREY % 3).ravel().tolist())
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    return image


EXPECTED: Mapping[str, tuple[bytes, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]] = {
    "rgb": (encoded(Image.fromarray(RGB)), RGB),
    "bmp": (encoded(Image.fromarray(RGB), "bmp"), RGB),
    "webp": (encoded(Image.fromarray(RGB), "webp", lossless=True), RGB),
    "grey": (encoded(Image.fromarray(GREY)), np.stack([GREY] * 3, axis=2)),
    "one bit": (
        encoded(Image.fromarray(GREY > 127)),
        np.stack([np.where(GREY > 127, np.uint8(255), np.uint8(0))] * 3, axis=2),
    ),
    "16 bit": (encoded(Image.fromarray(DEEP)), np.stack([(DEEP >> 8).astype(np.uint8)] * 3, axis=2)),
    "palette": (encoded(palette()), np.eye(3, dtype=np.uint8)[GREY % 3] * np.uint8(255)),
    "transparent": (
        encoded(translucent()),
        np.where(np.arange(30)[None, :, None] < 15, np.uint8(255), RGB),
    ),
    "mirrored": (with_orientation(2), RGB[:, ::-1]),
    "upside down": (with_orientation(3), RGB[::-1, ::-1]),
    "in a lake": (with_orientation(4), RGB[::-1]),
    "transposed": (with_orientation(5), RGB.transpose(1, 0, 2)),
    "transposed the other way": (with_orientation(7), RGB[::-1, ::-1].transpose(1, 0, 2)),
    "an orientation that is none": (with_orientation(9), RGB),
    "beside metadata that can't be written": (with_strange_exif(), np.rot90(RGB, -1)),
    "on its side": (with_orientation(6), np.rot90(RGB, -1)),
    "on its other side": (with_orientation(8), np.rot90(RGB)),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_kind_becomes_8_bit_rgb(kind: str) -> None:
    data, expected = EXPECTED[kind]
    np.testing.assert_array_equal(read(data), expected)
    found = probe(data)
    assert (found.height, found.width, found.frames, found.note) == (*expected.shape[:2], 1, None)


def test_cmyk_jpeg() -> None:
    inks = {"white": (0, 0, 0, 0), "red": (0, 255, 255, 0), "black": (0, 0, 0, 255)}
    for name, ink in inks.items():
        pixels = read(encoded(Image.new("CMYK", (16, 16), ink), "jpeg", quality=95)).astype(int)
        wanted = {"white": (255, 255, 255), "red": (255, 0, 0), "black": (0, 0, 0)}[name]
        assert np.abs(pixels - wanted).max() <= 3, name


def test_the_first_picture_of_many_is_taken_and_told() -> None:
    first, second = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    data = encoded(first, "tiff", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read(data), RGB)
    assert probe(data).note == "the first of 2 pictures"


def corrupted(data: bytes) -> bytes:
    """One byte of the pixels of a PNG changed, so that its checksum no longer fits."""
    place = data.index(b"IDAT") + 40
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


BAD = {
    "empty": b"",
    "not an image": b"This is no image.\n" * 20,
    "truncated": encoded(Image.fromarray(RGB), "jpeg", quality=95)[:-200],
    "damaged": corrupted(encoded(Image.fromarray(RGB))),
    "unknown range": encoded(Image.fromarray(RGB[..., 0].astype(np.float32)), "tiff"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_named(kind: str) -> None:
    with pytest.raises(ImageProblem) as caught:
        probe(BAD[kind])
    assert caught.value.kind == kind


def test_a_tiff_whose_offsets_are_words_is_damaged() -> None:
    tiff = encoded(Image.fromarray(RGB), "tiff")
    offsets = struct.pack("<HH", 273, 4)
    assert tiff.count(offsets) == 1
    with pytest.raises(ImageProblem) as caught:
        probe(tiff.replace(offsets, struct.pack("<HH", 273, 2)))
    assert caught.value.kind == "damaged"


def test_a_cut_png() -> None:
    with pytest.raises(ImageProblem) as caught:
        probe(encoded(Image.fromarray(RGB))[:-300])
    assert caught.value.kind in ("truncated", "damaged")


def test_a_decompression_bomb_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    for limit in (500, 100):  # Pillow warns of one and refuses the other
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ImageProblem, match="600 pixels") as caught:
            probe(encoded(Image.fromarray(RGB)))
        assert caught.value.kind == "too large"
