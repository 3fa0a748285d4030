"""Decoding of image files to uint8 pixels, with Pillow.

Every picture becomes 8-bit RGB: palettes are looked up, grey is repeated, CMYK is converted without a
profile, 16 bits keep the upper 8 of the significant ones, and transparent pixels are put on white. The
picture is rotated by its EXIF orientation.
"""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from retable.data.decode.depth import Depth

SUFFIXES = frozenset(
    (".avif", ".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
"""Suffixes of image files."""

VERSION = 2
"""Increased when the same bytes give other pixels or other problems."""

TURNS: Mapping[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Transposition that turns a picture upright, by its EXIF orientation."""

DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of 16-bit grey."""

Pixels = NDArray[np.uint8]


class ImageProblem(Exception):
    """Bytes that can't be used as an image.

    Attributes:
        kind: the problem in a word or two; the message has the details.
        revision: 1 if `VERSION` 1 accepted them; else 0.
    """

    def __init__(self, kind: str, message: str, revision: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.revision = revision


@dataclass(frozen=True)
class ImageProbe:
    """Content of an image file: width and height in pixels as shown (after rotation).

    Attributes:
        revision: 1 if the pixels differ from those that `VERSION` 1 read; else 0.
    """

    width: int
    height: int
    note: str | None = None
    frames: int = 1
    decoder: str = "pillow"
    revision: int = 0


def probe(data: bytes) -> ImageProbe:
    """Decode a file's bytes once, and check its checksums where the format has them.

    Raises:
        ImageProblem: it is empty, cut short, no image, damaged, too large (Pillow's limit against
            decompression bombs, 89 million pixels), or of a kind whose values have no known range.
    """
    with _opened(data) as image:
        image.verify()
    picture = _picture(data)
    with _opened(data) as image:
        count = int(getattr(image, "n_frames", 1))
    notes = (f"the first of {count} pictures" if count > 1 else None, picture.note)
    height, width = picture.pixels.shape[:2]
    return ImageProbe(width, height, "; ".join(filter(None, notes)) or None, revision=int(picture.revised))


def read(data: bytes) -> Pixels:
    """Picture in a file's bytes: uint8 (H, W, 3) RGB. Raises as `probe` does, except for checksums."""
    return _picture(data).pixels


@dataclass(frozen=True)
class _Picture:
    """A decoded picture: pixels, True if plain conversion gives others, and a note for people."""

    pixels: Pixels
    revised: bool = False
    note: str | None = None


def _picture(data: bytes) -> _Picture:
    with _opened(data) as image:
        image.load()
        depth = Depth.of(image, data)
        upright = _upright(image)
        if upright.mode in DEEP:
            grey = _deep(np.asarray(upright), depth)
            return replace(grey, pixels=np.repeat(grey.pixels[..., None], 3, axis=2))
        plain = np.asarray(_rgb(upright))
        low = depth.significant < 16 and 0 < _brightest(upright) < 1 << max(depth.significant - 8, 0)
        if depth.sample == 16 and low:
            raise ImageProblem(
                "unknown range",
                f"only {depth.significant} of its 16 bits are in use, at the low end; save it with 8 or all 16 bits",
                revision=1,
            )
        if (clear := depth.transparent_in_8_bits(upright.info.get("transparency"))) is None:
            return _Picture(plain)
        upright.info["transparency"] = clear
        right = np.asarray(_rgb(upright))
        return _Picture(right, revised=not np.array_equal(right, plain))


def _brightest(image: Image.Image) -> int:
    """Largest value of a colour channel, without alpha."""
    bands = [band for name, band in zip(image.getbands(), image.split(), strict=True) if name != "A"]
    return max(int(np.asarray(band).max(initial=0)) for band in bands)


def _deep(values: NDArray[np.uint16], depth: Depth) -> _Picture:
    """Convert 16-bit grey (H, W) to 8 bits."""
    most = int(values.max(initial=0))
    bits = (
        depth.significant if most < 1 << depth.significant else 16
    )  # higher bits are in use: the values begin at the top
    plain = (values >> 8).astype(np.uint8)
    grey = (values >> (bits - 8)).astype(np.uint8)
    if depth.transparent is not None:
        grey[values == depth.transparent] = 255
    note = None
    if bits < 16:
        note = f"{bits} significant bits of 16, at the low end"
    elif 256 <= most < 4096:
        note = f"no value is over {most} of 65535: if they are of fewer bits, save them with 8 or all 16, or they are almost black"
    return _Picture(grey, revised=not np.array_equal(grey, plain), note=note)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    if not data:
        raise ImageProblem("empty", "the file has 0 bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata; only the pixels count
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                yield image
    except ImageProblem:
        raise
    except UnidentifiedImageError as error:
        raise ImageProblem("not an image", "Pillow knows no such format") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError) as error:
        raise ImageProblem(
            "too large", str(error) or "it needs more memory than a reader may take"
        ) from error
    except Exception as error:  # decoders raise any type; each means a bad file
        kind = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise ImageProblem(kind, f"{type(error).__name__}: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    """Picture rotated by its EXIF orientation.

    `ImageOps.exif_transpose` fails where it can't rewrite the other tags.
    """
    turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise ImageProblem(
            "unknown range", f"pixels of mode {image.mode} have no known range; save them with 8 or 16 bits"
        )
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    return image.convert("RGB")
