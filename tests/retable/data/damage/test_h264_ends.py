"""Damage in H.264 that FFmpeg decodes without a word."""

from pathlib import Path

import av
import pytest

from retable.data.damage.h264_ends import misplaced_ends
from retable.data.damage.h264_taller import Taller, UnknownStreamError
from retable.data.decode.video import VideoProblem, probe, read
from tests.retable.data.decode.test_video_exact import encode

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases" / "video"
cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"there is no {CASES}")


def concealed(path: Path) -> bool:
    """Whether plain PyAV says nothing: no error, and no frame that is marked."""
    try:
        with av.open(str(path)) as container:
            return not any(frame.is_corrupt for frame in container.decode(video=0))
    except av.FFmpegError:
        return False


def test_flipped_bits_that_decode_to_other_pictures_are_damage(tmp_path: Path) -> None:
    source = encode(tmp_path / "v.mp4", frames=48, bf="2")
    content, right = source.read_bytes(), read(source, "pyav")
    start, end = content.index(b"mdat") + 900, content.index(b"moov") - 70
    silent = missed = 0
    for place in range(start, end, (end - start) // 60):
        changed = bytes(byte ^ 0x5A for byte in content[place : place + 60])
        source.write_bytes(content[:place] + changed + content[place + 60 :])
        if not concealed(source):
            continue
        silent += 1
        try:
            found = probe(source)
        except VideoProblem:
            continue
        frames = read(source, found.decoder)
        missed += found.note is None and not (frames.shape == right.shape and (frames == right).all())
    assert silent >= 5, "there is nothing to find"
    assert 5 * missed <= silent


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize(
    "options",
    [
        "slices=4",
        "slices=3:cabac=0",
        "intra-refresh=1",
        "ref=5:bframes=5:b-pyramid=normal",
        "open-gop=1",
        "qp=0",
        "cqm=jvt",
    ],
)
def test_sound_pictures_end_where_their_data_ends(tmp_path: Path, options: str, suffix: str) -> None:
    path = encode(tmp_path / f"v.{suffix}", x264opts=options, frames=26)
    assert misplaced_ends(path) == 0
    assert probe(path).frames == 26


def test_pictures_are_one_row_taller(tmp_path: Path) -> None:
    """What the decoder makes of the rewritten parameters; 48 rows are 3 macroblocks."""
    path = encode(tmp_path / "v.mp4", frames=2)
    with av.open(str(path)) as container:
        extra = bytes(container.streams.video[0].codec_context.extradata or b"")
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    taller = Taller()
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = taller.header(extra)
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(taller.boxed(packet, 4)))]
    frames += decoder.decode(None)
    assert taller.columns == 4
    assert taller.slices == 2
    assert {(frame.width, frame.height) for frame in frames if isinstance(frame, av.VideoFrame)} == {(64, 64)}


@pytest.mark.parametrize("unit", [b"\x67", b"\x67\x64", b"\x67\x64\x00\x0a" + bytes(8)])
def test_parameters_that_can_not_be_understood(unit: bytes) -> None:
    with pytest.raises(UnknownStreamError):
        Taller().unit(unit)


def test_other_codecs_are_passed_over(tmp_path: Path) -> None:
    assert misplaced_ends(encode(tmp_path / "v.avi", "mpeg4")) == 0


@cases
def test_the_case() -> None:
    with pytest.raises(VideoProblem, match="1 of 60 pictures do not end where their data ends") as caught:
        probe(CASES / "dam_mid.mp4")
    assert caught.value.kind == "damaged"
