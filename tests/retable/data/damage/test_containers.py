"""Damage: what the decoder conceals when nobody asks."""

import random
from pathlib import Path

import pytest

from retable.data.damage.containers import cut_short
from retable.data.decode.video import VideoProblem, probe, read
from tests.retable.data.decode.test_video_exact import encode

SEED = 5


def problem(path: Path) -> str | None:
    try:
        probe(path)
    except VideoProblem as found:
        return found.kind
    return None


def test_what_the_decoder_conceals_is_damage(tmp_path: Path) -> None:
    """Runs of zeros in the coded pictures: FFmpeg by itself shows other pictures and says nothing to its caller."""
    source = encode(tmp_path / "v.avi", "mpeg4")
    content, right = source.read_bytes(), read(source, "pyav")
    draw = random.Random(SEED)
    start = content.index(b"movi") + 400
    kinds = set()
    for _ in range(10):
        place = draw.randrange(start, len(content) - 4000)
        source.write_bytes(content[:place] + bytes(200) + content[place + 200 :])
        kinds.add(problem(source))
    assert kinds <= {"damaged", "not a video"}
    source.write_bytes(content)
    assert problem(source) is None
    assert (read(source, "pyav") == right).all()


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "webm", "ts", "m2ts"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_file(tmp_path: Path, suffix: str, share: float) -> None:
    codec, options = ("libvpx", {"deadline": "realtime"}) if suffix == "webm" else ("libx264", {})
    path = encode(tmp_path / f"v.{suffix}", codec, options=options)
    assert not cut_short(path)
    content = path.read_bytes()
    path.write_bytes(
        content[: int(len(content) * share) // 188 * 188 + 91]
    )  # within a packet, where there are any
    assert problem(path) == "truncated"


def test_frames_of_several_sizes(tmp_path: Path) -> None:
    """Two H.264 streams, one behind the other, as recorders write them when the picture changes."""
    first = encode(tmp_path / "a.h264")
    second = encode(tmp_path / "b.h264", width=96)
    (tmp_path / "v.h264").write_bytes(first.read_bytes() + second.read_bytes())
    assert problem(tmp_path / "v.h264") == "of several sizes"


def test_a_header_that_counts_wrongly_is_noted(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.avi", "mpeg4")
    content = bytearray(path.read_bytes())
    place = content.index(b"strh") + 8 + 32  # dwLength
    assert int.from_bytes(content[place : place + 4], "little") == 36
    content[place : place + 4] = (40).to_bytes(4, "little")
    path.write_bytes(content)
    assert probe(path).note == "its header declares 40 frames, and 36 can be decoded"


def test_damage_that_was_trained_on_makes_another_data_set(tmp_path: Path) -> None:
    """Trials of the time when it went unseen are not taken for trials of now."""
    path = encode(tmp_path / "v.mkv", frames=48, bf="2")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 300])  # FFmpeg shows what there is
    with pytest.raises(VideoProblem) as now_seen:
        probe(path)
    assert (now_seen.value.kind, now_seen.value.revision) == ("truncated", 1)
    for data in (b"", b"no video" * 100):
        path.write_bytes(data)
        with pytest.raises(VideoProblem) as seen_before:
            probe(path)
        assert seen_before.value.revision == 0
    avi = encode(tmp_path / "v.avi", "mpeg4")
    avi.write_bytes(avi.read_bytes()[:-300])
    with pytest.raises(VideoProblem) as seen_before:
        probe(avi)
    assert (seen_before.value.kind, seen_before.value.revision) == ("truncated", 0)
