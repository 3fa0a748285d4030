"""Files that one of the two decoders reads wrongly without a word."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from retable.data.decode.spec import ClipSpec
from retable.data.decode.video import probe, read
from retable.data.samples.clips import Clips
from retable.data.scan.catalog import scan
from retable.data.scan.probe import ProbeResult

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases" / "video"
cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"there is no {CASES}")

MakeSet = Callable[..., Path]
MakeVideo = Callable[..., Path]
ONE = 0x10000
ORTHOGONAL: Mapping[
    tuple[int, ...], Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
] = {  # a, b, c, d of the display matrix: what a frame (T, H, W, 3) is shown as
    (ONE, 0, 0, ONE): lambda v: v,
    (-ONE, 0, 0, ONE): lambda v: v[:, :, ::-1],
    (ONE, 0, 0, -ONE): lambda v: v[:, ::-1],
    (-ONE, 0, 0, -ONE): lambda v: v[:, ::-1, ::-1],
    (0, ONE, -ONE, 0): lambda v: np.rot90(v, -1, axes=(1, 2)),
    (0, -ONE, ONE, 0): lambda v: np.rot90(v, 1, axes=(1, 2)),
    (0, ONE, ONE, 0): lambda v: v.transpose(0, 2, 1, 3),
    (0, -ONE, -ONE, 0): lambda v: np.rot90(v, 2, axes=(1, 2)).transpose(0, 2, 1, 3),
}


def encode(
    path: Path,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    frames: int = 36,
    width: int = 64,
    options: Mapping[str, str] | None = None,
    **more: str,
) -> Path:
    """A texture that drifts over groups of 12 pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texture = np.random.default_rng(1).integers(0, 256, (48, width + frames, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, 48, pix_fmt
        stream.options = {"g": "12", "threads": "1", **(options or {}), **more}
        for t in range(frames):
            pixels = np.ascontiguousarray(texture[:, t : t + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def remuxed(source: Path, path: Path) -> Path:
    """The same packets in another container: another encoding need not give the same pictures."""
    with av.open(str(source)) as given, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    return path


def turned(source: Path, matrix: tuple[int, ...]) -> Path:
    """A copy of an mp4 with that display matrix."""
    content = bytearray(source.read_bytes())
    a, b, c, d = matrix
    place = content.index(b"tkhd") + 4 + 4 + 20 + 16
    struct.pack_into(">9i", content, place, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    out = source.with_name("turned.mp4")
    out.write_bytes(content)
    return out


def same(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    return a.shape == b.shape and bool((a == b).all())


@pytest.mark.parametrize("suffix", ["ts", "m2ts"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_a_transport_stream_keeps_its_first_group_of_pictures(
    tmp_path: Path, codec: str, suffix: str
) -> None:
    source = encode(tmp_path / "v.mkv", codec, bf="2")
    stream = remuxed(source, tmp_path / f"v.{suffix}")
    found = probe(stream)
    assert (found.frames, found.decoder, found.revision) == (36, "pyav", 1)
    assert "decord shows" in (found.note or "")
    assert same(read(stream, found.decoder), read(source, "pyav"))
    assert not same(read(stream, "decord"), read(source, "pyav")), "decord reads it rightly: PyAV need not"


def test_ten_bits_are_read_by_the_exact_decoder(tmp_path: Path) -> None:
    found = probe(encode(tmp_path / "v.mp4", pix_fmt="yuv420p10le"))
    assert (found.decoder, found.revision) == ("pyav", 1)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv"])
def test_ordinary_files_are_decord_s_and_what_they_were(tmp_path: Path, suffix: str) -> None:
    found = probe(encode(tmp_path / f"v.{suffix}", "mpeg4" if suffix == "avi" else "libx264"))
    assert (found.decoder, found.note, found.revision) == ("decord", None, 0)


@pytest.mark.parametrize("matrix", ORTHOGONAL)
def test_every_display_matrix_is_obeyed(
    tmp_path: Path, make_video: MakeVideo, matrix: tuple[int, ...]
) -> None:
    plain = make_video(tmp_path / "v.mp4", frames=6, width=64, height=48)
    file = turned(plain, matrix)
    found = probe(file)
    wanted = ORTHOGONAL[matrix](read(plain, "pyav"))
    assert same(read(file, found.decoder), wanted)
    assert (found.height, found.width) == wanted.shape[1:3]
    mirrored = matrix[0] * matrix[3] - matrix[1] * matrix[2] < 0
    assert found.revision == mirrored, "turns were read rightly before, mirror images were not"


def test_a_display_matrix_that_is_none_is_passed_over(tmp_path: Path, make_video: MakeVideo) -> None:
    plain = make_video(tmp_path / "v.mp4", frames=3)
    assert same(read(turned(plain, (0, 0, 0, 0)), "pyav"), read(plain, "pyav"))


def test_what_is_read_otherwise_is_another_data_set(tmp_path: Path, make_set: MakeSet) -> None:
    """Its trials have other signatures, and shards that an earlier version cut are not taken for it."""
    assert ProbeResult(sha256="ab").content == "ab"
    assert ProbeResult(sha256="ab", revision=1).content != "ab"
    assert ProbeResult(problem="missing", revision=1).content == ""
    root = make_set(["A/1.ts", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"])
    encode(root / "videos/A/1.ts", frames=36)
    catalog = scan(root, cache=tmp_path / "cache")
    assert [video.decoder for video in catalog.videos] == ["pyav", "decord", "decord", "decord"]
    clips = Clips(root, ClipSpec(size=48, crop="paper"), "train", 0, tmp_path / "cache")
    shown = np.stack(
        [clips._shards.clip(v.sha256, 0, v.frames)[0] for v in catalog.videos if v.path == "A/1.ts"]
    )
    first = read(root / "videos/A/1.ts", "pyav")[0, :, 8:56].transpose(2, 0, 1)
    np.testing.assert_array_equal(shown[0], first)


@cases
def test_the_cases(tmp_path: Path) -> None:
    stream = probe(CASES / "libx264_12b2.ts")
    assert (stream.frames, stream.decoder) == (60, "pyav")
    mirror = CASES / "rothflip.mp4"
    assert probe(mirror).decoder == "pyav"
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(mirror.read_bytes())
    assert same(read(mirror, "pyav"), read(turned(copy, (ONE, 0, 0, ONE)), "pyav")[:, :, ::-1])
