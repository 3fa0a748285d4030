"""Decoded frames of one file, which a reader process writes and a shard is assembled from."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from retable.data.decode.faces import face_squares
from retable.data.decode.image import Pixels, read
from retable.data.decode.lmdb import read_bytes
from retable.data.decode.video import Decoder, Frames, chunks


def write_image_frames(path: Path, out: Path, *, size: int, square: bool) -> int:
    """Decode, crop and resize an image into an Arrow file with one row.

    Args:
        path: the image file, or the path of a value in an LMDB environment.
        out: the Arrow file, as `retable.data.decode.frames.write_rows` writes it.
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
    """Resize an image (H, W, 3) to (size, size, 3) by Pillow's Lanczos filter.

    The filter (`retable.data.decode.spec.IMAGE_RESIZE`) is antialiased and works in fixed point: the same
    bytes on every machine.
    """
    if square:
        pixels = centre_square(pixels[None])[0]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))


def write_video_frames(
    path: Path,
    out: Path,
    *,
    decoder: Decoder,
    width: int,
    height: int,
    square: bool,
    mask: Path | None = None,
    smooth: int = 0,
) -> int:
    """Decode, crop and resize a video into an Arrow file with one record batch, a row a frame.

    Args:
        path: the video.
        out: the Arrow file: ``frame``, the bytes of a uint8 (3, height, width), and its ``crc32``.
        decoder: the decoder that reads it.
        width: of the frames written, in pixels.
        height: of the frames written, in pixels.
        square: whether to crop the centre square before resizing.
        mask: a mask video, to crop the face's square instead.
        smooth: number of frames before and after each over which its face's square is averaged.

    Returns:
        The number of frames.

    Raises:
        VideoProblem: the mask shows no face.
    """
    cropped = _cropped(path, decoder, square) if mask is None else _faces(path, decoder, mask, smooth)
    pixels = np.concatenate([_resized(chunk, width, height) for chunk in cropped])
    return write_rows(out, pixels)


def write_rows(out: Path, pixels: Frames) -> int:
    """Write frames, uint8 (T, 3, H, W), as one record batch of an Arrow file, and return their number."""
    row = pixels[0].size
    frames = pa.FixedSizeBinaryArray.from_buffers(pa.binary(row), len(pixels), [None, pa.py_buffer(pixels)])
    batch = pa.record_batch(
        [frames, pa.array(map(zlib.crc32, pixels), pa.uint32())], schema=frames_schema(row)
    )
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return len(pixels)


def frames_schema(row: int) -> pa.Schema:
    """Columns of decoded frames in an Arrow file; `row` is the bytes of a frame."""
    return pa.schema([("frame", pa.binary(row)), ("crc32", pa.uint32())])


def centre_square(frames: Frames) -> Frames:
    """Centre squares of frames (T, H, W, 3)."""
    height, width = frames.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return frames[:, top : top + side, left : left + side]


def resize(frame: Frames, width: int, height: int) -> Frames:
    """Resize a frame (H, W, 3) by Pillow's bicubic filter (`retable.data.decode.spec.RESIZE`).

    The filter (a = -0.5) is antialiased and works in fixed point: the same bytes on every machine.
    """
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def _cropped(path: Path, decoder: Decoder, square: bool) -> Iterator[Frames]:
    """Frames of a video in chunks (T, H, W, 3), cropped if `square`."""
    for chunk in chunks(path, decoder):
        yield centre_square(chunk) if square else chunk


def _faces(path: Path, decoder: Decoder, mask: Path, smooth: int) -> Iterator[Iterable[Frames]]:
    """Faces (H, H, 3) in chunks, each of its own size. PyAV reads the mask, as it counted its frames."""
    squares = iter(face_squares(chunks(mask, "pyav"), smooth))
    for chunk in chunks(path, decoder):
        yield [square.cut(frame) for frame, square in zip(chunk, squares, strict=False)]


def _resized(frames: Iterable[Frames], width: int, height: int) -> Frames:
    """Resize T frames (H, W, 3) to (T, 3, height, width)."""
    small = np.stack([resize(frame, width, height) for frame in frames])
    return np.ascontiguousarray(small.transpose(0, 3, 1, 2))
