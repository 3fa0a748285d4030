import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from retable.data.damage.containers import cut_short
from retable.data.decode.video import CHUNK, VideoProblem, chunks, probe, read

MakeVideo = Callable[..., Path]
QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)  # clockwise, as phones write it


@pytest.fixture
def video(tmp_path: Path, make_video: MakeVideo) -> Path:
    return make_video(tmp_path / "v.mp4", frames=48, width=64, height=48)


def patched(source: Path, box: bytes, offset: int, form: str, *values: int) -> Path:
    """A copy of an mp4 file with some numbers after the name of a box replaced."""
    content = bytearray(source.read_bytes())
    struct.pack_into(form, content, content.index(box) + offset, *values)
    out = source.with_name("patched.mp4")
    out.write_bytes(content)
    return out


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_decoders_agree_to_the_bit(video: Path) -> None:
    found = probe(video)
    assert (found.frames, found.width, found.height, found.decoder, found.note) == (
        48,
        64,
        48,
        "decord",
        None,
    )
    frames = read(video)
    assert frames.shape == (48, 48, 64, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, read(video, "pyav"))


def test_long_videos_come_in_chunks(tmp_path: Path, make_video: MakeVideo) -> None:
    video = make_video(tmp_path / "v.mp4", frames=CHUNK + 3)
    for decoder in ("decord", "pyav"):
        assert [len(chunk) for chunk in chunks(video, decoder)] == [CHUNK, 3]


def test_a_trimmed_file_is_read_with_pyav(video: Path) -> None:
    # An edit list: 24 frames at 25 a second, from the frame after the tenth; track time has 512 ticks a frame.
    media_time = struct.unpack_from(">i", video.read_bytes(), video.read_bytes().index(b"elst") + 16)[0]
    trimmed = patched(video, b"elst", 12, ">Ii", 960, media_time + 10 * 512)
    found = probe(trimmed)
    assert (found.frames, found.decoder) == (24, "pyav")
    assert "decord" in (found.note or "")
    np.testing.assert_array_equal(read(trimmed, "pyav"), read(video)[10:34])


def test_a_rotated_file_is_turned_upright(video: Path) -> None:
    rotated = patched(video, b"tkhd", 4 + 4 + 20 + 16, ">9i", *QUARTER_TURN)
    found = probe(rotated)
    assert (found.width, found.height) == (48, 64)
    np.testing.assert_array_equal(read(rotated, found.decoder), np.rot90(read(video), -1, axes=(1, 2)))


def test_a_width_that_decord_takes_for_four_channels(tmp_path: Path, make_video: MakeVideo) -> None:
    narrow = make_video(tmp_path / "narrow.mp4", width=72, height=72)
    found = probe(narrow)
    assert (found.frames, found.width, found.decoder) == (20, 72, "pyav")
    assert read(narrow, "pyav").shape == (20, 72, 72, 3)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"not a video, though called one\n" * 50, "not a video"),
        (bytes(4096), "not a video"),
        (b"RIFF\xff\x10\x00\x00AVI LIST" + bytes(100), "truncated"),
    ],
)
def test_files_that_are_no_videos(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoProblem) as raised:
        probe(path)
    assert raised.value.kind == kind


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(video: Path, share: float) -> None:
    assert not cut_short(video)
    content = video.read_bytes()
    video.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(VideoProblem) as raised:
        probe(video)
    assert raised.value.kind == "truncated"


def test_a_file_whose_frames_are_damaged(video: Path) -> None:
    content = bytearray(video.read_bytes())
    start = content.index(b"mdat") + 4
    content[start : start + 20_000] = b"\xff" * 20_000
    video.write_bytes(content)
    with pytest.raises(VideoProblem) as raised:
        probe(video)
    assert raised.value.kind in ("damaged", "not a video")
