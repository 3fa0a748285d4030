"""Squares around faces: by hand, and against the definition with floating-point means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retable.data.decode.faces import Box, Square, face_box, face_squares, inside
from retable.data.decode.video import VideoProblem

Frames = NDArray[np.uint8]


def mask(boxes: list[Box | None], width: int = 40, height: int = 30, face: int = 0) -> Frames:
    """White frames with a darker box on each."""
    frames = np.full((len(boxes), height, width, 3), 255, np.uint8)
    for frame, box in zip(frames, boxes, strict=True):
        if box:
            frame[box.top : box.bottom, box.left : box.right] = face
    return frames


def defined(frame: Frames) -> Box | None:
    """The definition: rows and columns where the mean over the other axis of the summed channels is over 5."""
    summed = (255.0 - frame.astype(np.float64)).sum(axis=2)
    xs, ys = np.where(summed.mean(axis=0) > 5)[0], np.where(summed.mean(axis=1) > 5)[0]
    return Box(xs[0], ys[0], xs[-1] + 1, ys[-1] + 1) if len(xs) and len(ys) else None


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.002, 0.02, 0.3]))
@settings(max_examples=40, deadline=None)
def test_the_box_is_where_means_are_over_five(seed: int, share: float) -> None:
    draw = np.random.default_rng(seed)
    frame = np.full((23, 31, 3), 255, np.uint8)
    dark = draw.random(frame.shape) < share
    frame[dark] = draw.integers(0, 256, int(dark.sum()))
    assert face_box(frame) == defined(frame)


def test_a_mean_of_exactly_five_is_no_face() -> None:
    frame = np.full((10, 10, 3), 255, np.uint8)
    frame[4, 4] = (255, 255, 255 - 50)  # 50 over 10 pixels
    assert face_box(frame) is None
    frame[4, 4] = (255, 254, 255 - 50)
    assert face_box(frame) == Box(4, 4, 5, 5)


@pytest.mark.parametrize(
    ("box", "square"),
    [
        (Box(10, 8, 20, 18), Square(10, 8, 10)),
        (Box(10, 8, 16, 18), Square(8, 8, 10)),  # the width is extended by 2 on either side
        (Box(10, 8, 20, 14), Square(10, 6, 10)),  # the height
        (Box(10, 8, 17, 18), Square(8, 8, 10)),  # by 1 and a half: 2 on the left
        (Box(0, 8, 6, 18), Square(0, 8, 10)),  # would begin at -2
        (Box(36, 8, 40, 18), Square(30, 8, 10)),  # would end at 43
        (Box(10, 26, 20, 30), Square(10, 20, 10)),
        (Box(2, 4, 38, 24), Square(5, 0, 30)),  # 36 wide, but frames are 30 high
        (Box(0, 0, 40, 30), Square(5, 0, 30)),
    ],
)
def test_squares_by_hand(box: Box, square: Square) -> None:
    assert face_squares([mask([box])]) == [square]


@given(st.integers(-50, 90), st.integers(-50, 90), st.integers(1, 60))
def test_squares_stay_inside_and_move_no_more_than_they_must(x: int, y: int, side: int) -> None:
    width, height = 40, 30
    square = inside(2 * x + side, 2 * y + side, side, width, height)
    assert square.side == min(side, height)
    assert 0 <= square.left <= width - square.side
    assert 0 <= square.top <= height - square.side
    if 0 <= x <= width - side and 0 <= y <= height - side:
        assert square == Square(x, y, side)


def test_frames_without_a_face_take_the_nearest_ones_square() -> None:
    a, b = Box(1, 1, 11, 11), Box(20, 10, 30, 20)
    squares = face_squares([mask([None, a, None]), mask([None, None, b, None])])
    left, right = Square(1, 1, 10), Square(20, 10, 10)
    assert squares == [left, left, left, left, right, right, right]  # frame 3 is 2 from both: the earlier


def test_a_mask_without_any_face_is_told() -> None:
    with pytest.raises(VideoProblem, match="no frame of the mask video shows a face"):
        face_squares([mask([None, None])])


def test_smoothing_is_a_moving_average_of_centre_and_side() -> None:
    boxes: list[Box | None] = [Box(10, 8, 20, 18), Box(13, 8, 23, 18), Box(10, 8, 22, 20)]
    # Centres (15, 13), (18, 13), (16, 14), sides 10, 10, 12. The ends average two frames, the middle all three.
    assert face_squares([mask(boxes)], smooth=1) == [
        Square(11, 8, 10),  # (16.5, 13), 10: from 11.5, rounded down as every odd centre
        Square(11, 8, 11),  # (16.33, 13.33), 10.67: twice the centre is 33, 27
        Square(11, 8, 11),  # (17, 13.5), 11: twice the centre is 34, 27
    ]
    assert face_squares([mask(boxes)], smooth=0) == [
        Square(10, 8, 10),
        Square(13, 8, 10),
        Square(10, 8, 12),
    ]
    assert len(set(face_squares([mask(boxes)], smooth=99))) == 1


def test_smoothing_calms_a_trembling_box() -> None:
    draw = np.random.default_rng(0)
    boxes: list[Box | None] = [Box(x, 8, x + 10, 18) for x in 15 + draw.integers(-3, 4, 50)]
    calm, trembling = (np.diff([s.left for s in face_squares([mask(boxes)], smooth=n)]) for n in (4, 0))
    assert np.abs(calm).sum() < np.abs(trembling).sum() / 3
    still: list[Box | None] = [Box(15, 8, 25, 18)] * 9
    assert face_squares([mask(still)], smooth=4) == face_squares([mask(still)])


def test_where_the_mask_is_cut_into_chunks_does_not_matter() -> None:
    boxes: list[Box | None] = [Box(n, 2 * n, n + 9, 2 * n + 9) for n in range(10)]
    frames = mask(boxes)
    whole = face_squares([frames], smooth=2)
    assert face_squares([frames[:3], frames[3:4], frames[4:]], smooth=2) == whole
