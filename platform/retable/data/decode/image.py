"""An image file's bytes -> uint8 pixels, with Pillow.

Whatever the file holds becomes 8-bit RGB: palettes are looked up, grey is repeated, CMYK is converted without a
profile, 16 bits keep their upper 8, and what is transparent lies on white. The picture is turned as its EXIF says.
"""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
"""What image files end in."""

VERSION = 1
"""Counted up when the same bytes give other pixels or other problems."""

DAMAGE = (OSError, SyntaxError, ValueError, TypeError, EOFError)
"""Each is a decoder's word for it."""

TURNS: Mapping[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture upright, by its EXIF orientation."""

DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
Pixels = NDArray[np.uint8]


class ImageProblem(Exception):
    """Bytes that can't be used as an image: `kind` in a word or two, the message in more."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class ImageProbe:
    """What a file holds: width and height in pixels as shown (after rotation)."""

    width: int
    height: int
    note: str | None = None
    frames: int = 1
    decoder: str = "pillow"


def probe(data: bytes) -> ImageProbe:
    """Decode a file's bytes once, and check its checksums where the format has them.

    Raises:
        ImageProblem: it is empty, cut short, no image, damaged, too large (Pillow's limit against decompression
            bombs, 89 million pixels), or of a kind whose values have no known range.
    """
    with _opened(data) as image:
        image.verify()
    pixels = read(data)
    with _opened(data) as image:
        count = int(getattr(image, "n_frames", 1))
    return ImageProbe(
        pixels.shape[1], pixels.shape[0], f"the first of {count} pictures" if count > 1 else None
    )


def read(data: bytes) -> Pixels:
    """The picture that a file's bytes hold: uint8 (H, W, 3) RGB. Raises as `probe` does, but for checksums."""
    with _opened(data) as image:
        image.load()
        return np.asarray(_rgb(_upright(image)))


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    if not data:
        raise ImageProblem("empty", "the file has 0 bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata; the pixels are what counts
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                yield image
    except UnidentifiedImageError as error:
        raise ImageProblem("not an image", "Pillow knows no such format") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageProblem("too large", str(error)) from error
    except DAMAGE as error:
        kind = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise ImageProblem(kind, f"{type(error).__name__}: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says; not `ImageOps.exif_transpose`, which fails where it can't write the rest again."""
    turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in DEEP:
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageProblem(
            "unknown range", f"pixels of mode {image.mode} have no known range; save them with 8 or 16 bits"
        )
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    return image.convert("RGB")
