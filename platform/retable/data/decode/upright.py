"""Display matrices of videos: rotation and mirroring before display, as phones and editors write them."""

from dataclasses import dataclass

import av
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class DisplayMatrix:
    """Map of a pixel (x, y), y downwards, to its displayed position (a x + c y, b x + d y), up to a shift."""

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1


UPRIGHT = DisplayMatrix()


def display_matrix(frame: av.VideoFrame) -> DisplayMatrix:
    """Display matrix of a frame, rounded to the nearest right angle; `UPRIGHT` if it has none."""
    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return UPRIGHT
    a, b, _, c, d = (int(number) for number in np.frombuffer(data, np.int32)[:5])
    if not a * d - b * c:  # degenerate: players ignore it
        return UPRIGHT
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return DisplayMatrix(-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return DisplayMatrix(0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


def is_mirrored(matrix: DisplayMatrix) -> bool:
    """True if the matrix mirrors the picture, rotated or not."""
    return matrix.a * matrix.d - matrix.b * matrix.c < 0


def shown(pixels: Frames, matrix: DisplayMatrix) -> Frames:
    """Frame (H, W, 3) as displayed: a view of the same pixels, (W, H, 3) after a quarter turn."""
    if not matrix.a:  # x and y change places
        pixels = pixels.transpose(1, 0, 2)
    across, down = (matrix.a, matrix.d) if matrix.a else (matrix.c, matrix.b)
    return pixels[::down, ::across]
