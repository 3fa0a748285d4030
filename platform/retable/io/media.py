"""Clips and images as files for people: a grid of playing clips (mp4), and rows of frames (PNG)."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from retable.io.files import replacing

Pixels = npt.NDArray[np.uint8]

SIDE = 128  # pixels; smaller clips are enlarged to about this size
GAP = 2  # pixels between pictures
LINE = 18  # pixels from one line of a caption to the next
CAPTION_WIDTH = 480  # pixels; a narrower picture with a caption is padded to this width


def grid_mp4(
    clips: Pixels, path: Path, *, fps: int = 15, columns: int | None = None, rows: Sequence[str] = ()
) -> None:
    """Write all clips playing side by side, as H.264 that browsers play.

    Args:
        clips: uint8 (N, T, C, H, W), 0..255, C of 1 (grey) or 3 (RGB).
        path: the mp4 file; replaced whole.
        fps: frames a second.
        columns: clips a row; by default as many as rows.
        rows: text to the left of each row; none by default.

    Raises:
        ValueError: the clips are not uint8 of that shape, fps or columns is below 1, or there are not as many texts as
            rows.
    """
    if fps < 1 or (columns is not None and columns < 1):
        raise ValueError(f"fps and columns must be at least 1, but got {fps=}, {columns=}")
    clips_NTHWC = _magnified(clips)
    columns = min(columns or math.ceil(math.sqrt(len(clips_NTHWC))), len(clips_NTHWC))
    height = math.ceil(len(clips_NTHWC) / columns)
    empty = np.zeros_like(clips_NTHWC[:1])
    cells = np.concatenate([clips_NTHWC, *[empty] * (height * columns - len(clips_NTHWC))])
    frames = [
        _even(_tiled(cells[:, t].reshape(height, columns, *cells.shape[2:]), rows))
        for t in range(cells.shape[1])
    ]
    height, width, _ = frames[0].shape
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"crf": "14", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def strip_png(clips: Pixels, path: Path, *, rows: Sequence[str] = (), below: str = "") -> None:
    """Write one clip a row, its frames from left to right, without loss.

    Args:
        clips: uint8 (N, T, C, H, W), 0..255, C of 1 (grey) or 3 (RGB).
        path: the PNG file; replaced whole.
        rows: text to the left of each row; none by default.
        below: caption below all rows, in lines as wide as the picture.

    Raises:
        ValueError: the clips are not uint8 of that shape, or there are not as many texts as rows.
    """
    picture = _captioned(_tiled(_magnified(clips), rows), below)
    codec = av.CodecContext.create("png", "w")
    codec.height, codec.width, _ = picture.shape
    codec.pix_fmt, codec.time_base = "rgb24", Fraction(1)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(bytes(packet) for packet in codec.encode(frame) + codec.encode(None)))


def _magnified(clips: Pixels) -> Pixels:
    """(N, T, C, H, W) -> RGB (N, T, H', W', 3), small clips enlarged by a whole factor with nearest neighbours."""
    if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[2] not in (1, 3) or clips.size == 0:
        raise ValueError(
            f"clips must be uint8 (N, T, C, H, W) with C of 1 or 3 and none empty, but got {clips.dtype} {clips.shape}"
        )
    clips_NTHWC = np.repeat(clips, 3 // clips.shape[2], axis=2).transpose(0, 1, 3, 4, 2)
    factor = max(1, SIDE // max(clips.shape[3:]))
    return clips_NTHWC.repeat(factor, axis=2).repeat(factor, axis=3)


def _tiled(cells: Pixels, texts: Sequence[str] = ()) -> Pixels:
    """(rows, columns, H, W, 3) -> one picture (rows·H + gaps, columns·W + gaps, 3) on black, texts to its left."""
    if texts and len(texts) != len(cells):
        raise ValueError(f"each of {len(cells)} rows needs its text, but got {len(texts)}: {list(texts)}")
    padded = np.pad(cells, ((0, 0), (0, 0), (0, GAP), (0, GAP), (0, 0)))
    rows, columns, height, width, _ = padded.shape
    picture = padded.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)
    picture = picture[:-GAP, :-GAP]
    if texts:
        picture = np.concatenate([_written(texts, height, len(picture)), picture], axis=1)
    return cast(Pixels, np.ascontiguousarray(picture))


def _written(texts: Sequence[str], pitch: int, height: int) -> Pixels:
    """Texts, one every `pitch` pixels, white on black, as wide as the longest: (height, W, 3)."""
    font = _font()
    width = math.ceil(max(font.getlength(text) for text in texts)) + 12
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for row, text in enumerate(texts):
        draw.text((6, row * pitch + pitch / 2), text, "white", font, anchor="lm")
    return np.asarray(picture)


def _captioned(picture: Pixels, text: str) -> Pixels:
    """The picture with a text below it, white on black."""
    if not text:
        return picture
    missing = max(CAPTION_WIDTH - picture.shape[1], 0)
    picture = np.pad(picture, ((0, 0), (0, missing), (0, 0)))
    font = _font()
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= picture.shape[1] - 12:
            lines[-1] = longer
        else:
            lines.append(word)
    written = Image.new("RGB", (picture.shape[1], LINE * len(lines) + 6))
    draw = ImageDraw.Draw(written)
    for number, line in enumerate(lines):
        draw.text((6, number * LINE + LINE / 2 + 3), line, "white", font, anchor="lm")
    return np.concatenate([picture, np.asarray(written)])


def _font() -> ImageFont.FreeTypeFont:
    """matplotlib's font: Pillow's own has no ×, λ or τ. Imported here, since only texts need it."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 12)


def _even(picture: Pixels) -> Pixels:
    """The picture with even sides: yuv420p has one colour for 2×2 pixels."""
    height, width, _ = picture.shape
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)))
