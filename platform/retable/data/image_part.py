"""One image, decoded: what a reader process writes and a shard is put together from."""

from pathlib import Path

import numpy as np
from PIL import Image

from retable.data.image import Pixels, read
from retable.data.lmdb_store import read_bytes
from retable.data.parts import centre_square, write_rows


def write_image_part(path: Path, out: Path, *, size: int, square: bool) -> int:
    """Decode, crop and resize an image into an Arrow file with one row.

    Args:
        path: the file, or a value's path.
        out: the Arrow file, as `retable.data.parts.write_rows` writes it.
        size: width and height, in pixels.
        square: whether to crop the centre square before resizing.

    Returns:
        1, the number of frames.

    Raises:
        ImageProblem: it can't be decoded.
    """
    pixels = resized(read(read_bytes(path)), size, square=square)
    return write_rows(out, np.ascontiguousarray(pixels.transpose(2, 0, 1))[None])


def resized(pixels: Pixels, size: int, *, square: bool) -> Pixels:
    """An image (H, W, 3) as (size, size, 3), by Pillow's Lanczos filter (retable.data.image_spec.RESIZE).

    The filter widens with the reduction, that is, it is antialiased, and works in fixed point: the same bytes on
    every machine.
    """
    if square:
        pixels = centre_square(pixels[None])[0]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
