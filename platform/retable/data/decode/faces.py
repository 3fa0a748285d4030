"""Face squares: the square around a face in every frame of a video, from FaceForensics' mask video.

TGANv2's text says only that the face is found with the mask video (§5.1). Box and square are those of the
authors' code. Three rules are ours: squares are kept inside the frame, frames without a face take the square
of the nearest frame, and squares can be smoothed. Integers only: the same squares on every machine.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retable.data.decode.video import Frames, VideoProblem

THRESHOLD = 5  # of 765: least distance from white, in the mean of a row or column, where there is a face


class Square(NamedTuple):
    """A square of a frame, in pixels."""

    left: int
    top: int
    side: int

    def cut(self, frame: Frames) -> Frames:
        """Pixels of a frame (H, W, 3) inside the square."""
        return frame[self.top : self.top + self.side, self.left : self.left + self.side]


class Box(NamedTuple):
    """A bounding box in pixels; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def face_squares(masks: Iterable[Frames], smooth: int = 0) -> list[Square]:
    """Face square of every frame.

    Args:
        masks: the mask video, in chunks (T, H, W, 3): white where there is no face.
        smooth: number of frames before and after each over which its square is averaged.

    Raises:
        VideoProblem: no frame of the mask shows a face.
    """
    boxes: list[Box | None] = []
    height = width = 0
    for chunk in masks:
        height, width = chunk.shape[1:3]
        boxes += map(face_box, chunk)
    wide = _averaged(np.array([_extended(box) for box in _filled(boxes)], np.int64), smooth)
    return [inside(x, y, side, width, height) for x, y, side in wide.tolist()]


def face_box(mask: Frames) -> Box | None:
    """Bounding box of the face in a frame of a mask (H, W, 3); None if it shows none."""
    from_white = (255 - mask).sum(axis=2, dtype=np.int64)
    height, width = from_white.shape
    columns = np.flatnonzero(from_white.sum(axis=0) > THRESHOLD * height)
    rows = np.flatnonzero(from_white.sum(axis=1) > THRESHOLD * width)
    if not len(columns) or not len(rows):
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def inside(twice_x: int, twice_y: int, side: int, width: int, height: int) -> Square:
    """Square with this centre (given twice) and side, moved into the frame, and shrunk if it is larger."""
    side = min(side, width, height)
    left = min(max((twice_x - side) // 2, 0), width - side)
    top = min(max((twice_y - side) // 2, 0), height - side)
    return Square(left, top, side)


def _extended(box: Box) -> tuple[int, int, int]:
    """Twice the centre of a box, and its longer side."""
    return box.left + box.right, box.top + box.bottom, max(box.right - box.left, box.bottom - box.top)


def _filled(boxes: list[Box | None]) -> list[Box]:
    """Boxes of all frames: one without a box takes that of the nearest frame with one, the earlier of two."""
    known = {number: box for number, box in enumerate(boxes) if box is not None}
    if not known:
        raise VideoProblem("no face", "no frame of the mask video shows a face")

    def nearest(number: int) -> int:
        return number if number in known else min(known, key=lambda other: abs(other - number))

    return [known[nearest(number)] for number in range(len(boxes))]


def _averaged(values: NDArray[np.int64], around: int) -> NDArray[np.int64]:
    """Means over each row and up to `around` rows before and after it, rounded half up."""
    sums = np.concatenate([np.zeros_like(values[:1]), values.cumsum(axis=0)])
    number = np.arange(len(values))
    first, end = np.maximum(number - around, 0), np.minimum(number + around + 1, len(values))
    count = (end - first)[:, None]
    rounded: NDArray[np.int64] = (2 * (sums[end] - sums[first]) + count) // (2 * count)
    return rounded
