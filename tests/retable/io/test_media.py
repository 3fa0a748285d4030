"""The pictures hold the clips' own pixels, where a person expects them."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from retable.io.media import CAPTION_WIDTH, GAP, LINE, SIDE, grid_mp4, strip_png


def blobs(count: int, frames: int, side: int) -> np.ndarray:
    """Clips (N, T, 3, side, side) of one colour each, which grows lighter with time."""
    clips = np.zeros((count, frames, 3, side, side), dtype=np.uint8)
    for n in range(count):
        for t in range(frames):
            clips[n, t] = np.array([60 + 40 * n, 200 - 40 * n, 20 * t])[:, None, None]
    return clips


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_the_strip_is_lossless_and_one_clip_is_one_row(tmp_path: Path) -> None:
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 32, 48), dtype=np.uint8)
    strip_png(clips, tmp_path / "strip.png")
    picture = np.asarray(Image.open(tmp_path / "strip.png"))
    factor = SIDE // 48
    height, width = 32 * factor + GAP, 48 * factor + GAP
    assert picture.shape == (2 * height - GAP, 3 * width - GAP, 3)
    for n in range(2):
        for t in range(3):
            cell = picture[n * height : (n + 1) * height, t * width : (t + 1) * width]
            np.testing.assert_array_equal(
                cell[: 32 * factor : factor, : 48 * factor : factor], clips[n, t].transpose(1, 2, 0)
            )


def test_the_grid_plays_every_clip_in_its_place(tmp_path: Path) -> None:
    clips = blobs(3, 5, 32)
    grid_mp4(clips, tmp_path / "grid.mp4", fps=15)
    video = decoded(tmp_path / "grid.mp4")
    side = 128 + GAP
    assert video.shape == (5, 2 * side - GAP, 2 * side - GAP, 3)  # 3 clips on 2 × 2
    for n, (row, column) in enumerate([(0, 0), (0, 1), (1, 0)]):
        middle = video[:, row * side + 64, column * side + 64].astype(int)
        np.testing.assert_allclose(middle, clips[n, :, :, 0, 0], atol=6)
    assert video[:, side + 64, side + 64].max() < 6  # the fourth place is black
    with av.open(str(tmp_path / "grid.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 15


def test_odd_sizes_grey_clips_and_single_frames(tmp_path: Path) -> None:
    grey = np.full((1, 1, 1, 201, 203), 130, dtype=np.uint8)
    grid_mp4(grey, tmp_path / "grid.mp4", columns=4)
    video = decoded(tmp_path / "grid.mp4")
    assert video.shape == (1, 202, 204, 3)
    np.testing.assert_allclose(video[0, 100, 100], 130, atol=3)
    strip_png(grey, tmp_path / "strip.png")
    assert np.asarray(Image.open(tmp_path / "strip.png")).shape == (201, 203, 3)


@pytest.mark.parametrize(
    "clips",
    [
        np.zeros((1, 2, 3, 8, 8), dtype=np.float32),
        np.zeros((1, 3, 2, 8, 8), dtype=np.uint8),
        np.zeros((2, 3, 8, 8), dtype=np.uint8),
        np.zeros((0, 2, 3, 8, 8), dtype=np.uint8),
    ],
)
def test_refuses_what_is_not_clips_and_leaves_no_file(clips: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        grid_mp4(clips, tmp_path / "grid.mp4")
    with pytest.raises(ValueError, match="uint8"):
        strip_png(clips, tmp_path / "strip.png")
    with pytest.raises(ValueError, match="fps=0"):
        grid_mp4(blobs(1, 1, 8), tmp_path / "grid.mp4", fps=0)
    assert list(tmp_path.iterdir()) == []


def test_texts_stand_before_their_rows(tmp_path: Path) -> None:
    clips = blobs(4, 3, 32)
    strip_png(clips, tmp_path / "plain.png")
    strip_png(clips, tmp_path / "told.png", rows=["a", "", "a longer text", ""])
    plain, told = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("plain", "told"))
    margin = told.shape[1] - plain.shape[1]
    np.testing.assert_array_equal(told[:, margin:], plain)
    inked = [told[row * (SIDE + GAP) : (row + 1) * (SIDE + GAP), :margin].any() for row in range(4)]
    assert inked == [True, False, True, False]
    grid_mp4(clips, tmp_path / "told.mp4", columns=2, rows=["a", "a longer text"])
    assert decoded(tmp_path / "told.mp4").shape == (
        3,
        2 * SIDE + GAP,
        (margin + 2 * SIDE + GAP + 1) // 2 * 2,
        3,
    )
    with pytest.raises(ValueError, match=r"each of 4 rows needs its text, but got 1: \['a'\]"):
        strip_png(clips, tmp_path / "wrong.png", rows=["a"])


def test_a_text_stands_below_in_lines_as_wide_as_the_picture(tmp_path: Path) -> None:
    clips = blobs(2, 5, 32)
    strip_png(clips, tmp_path / "plain.png")
    strip_png(clips, tmp_path / "one.png", below="τ × 1")
    strip_png(clips, tmp_path / "three.png", below="0123456789 " * 20)
    plain, one, three = (
        np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("plain", "one", "three")
    )
    for told in (one, three):
        np.testing.assert_array_equal(told[: len(plain)], plain)
    lines = (len(three) - len(one)) // LINE + 1
    assert lines == 3
    for line in range(lines):
        top = len(plain) + line * LINE
        assert three[top : top + LINE].any()
        assert not three[top : top + LINE, -6:].any()  # nothing is cut off
    narrow = blobs(1, 1, 32)
    strip_png(narrow, tmp_path / "narrow.png", below="a")
    assert np.asarray(Image.open(tmp_path / "narrow.png")).shape[1] == CAPTION_WIDTH
