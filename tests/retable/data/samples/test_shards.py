import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.decode.spec import ClipSpec
from retable.data.decode.video import read
from retable.data.samples import shards as shards_module
from retable.data.samples.shards import Shards, open_shards
from retable.data.scan.catalog import Catalog, scan
from retable.io.files import DiskFull

SPEC = ClipSpec(size=32)
NOBODY = Readers(command=("false",))


@pytest.fixture(scope="module")
def catalog(embedded: Path, shared_cache: Path) -> Catalog:
    return scan(embedded, cache=shared_cache)


@pytest.fixture(scope="module")
def built(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the shard of `build`'s default; not to be changed."""
    cache = tmp_path_factory.mktemp("built")
    build(catalog, cache)
    return cache


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


def build(catalog: Catalog, cache: Path, spec: ClipSpec = SPEC, readers: Readers | None = None) -> Shards:
    return open_shards(catalog.videos[:6], catalog.folder, spec, cache=cache, readers=readers)


def files(cache: Path) -> list[Path]:
    return sorted(path for path in (cache / "shards").rglob("*") if path.is_file() and path.suffix != ".lock")


@pytest.mark.parametrize("spec", [SPEC, ClipSpec(size=24, crop="paper")])
def test_frames_are_those_of_the_files_resized(catalog: Catalog, tmp_path: Path, spec: ClipSpec) -> None:
    shards = build(catalog, tmp_path, spec)
    for video in catalog.videos[:6]:
        frames = read(catalog.folder / video.path, "pyav")
        assert len(frames) == video.frames
        if spec.crop == "paper":
            left = (video.width - video.height) // 2
            frames = frames[:, :, left : left + video.height]
        expected = [
            Image.fromarray(np.ascontiguousarray(f)).resize(spec.stored, Image.Resampling.BICUBIC)
            for f in frames
        ]
        clip = shards.clip(video.sha256, 3, 16)
        assert clip.shape == (16, 3, spec.size, spec.stored[0])
        np.testing.assert_array_equal(
            clip.transpose(0, 2, 3, 1), np.stack([np.asarray(f) for f in expected[3:19]])
        )


def test_clips_are_views_of_the_mapped_file(catalog: Catalog, built: Path) -> None:
    clip = build(catalog, built).clip(catalog.videos[0].sha256, 0, 16)
    assert not clip.flags.owndata
    assert not clip.flags.writeable
    assert str(files(built)[0]) in Path("/proc/self/maps").read_text()


def test_what_is_decoded_is_not_decoded_again(catalog: Catalog, built: Path) -> None:
    build(catalog, built, readers=NOBODY)
    build(catalog, built, replace(SPEC, frames=8, flip=False), readers=NOBODY)
    for other in (replace(SPEC, size=16), replace(SPEC, crop="paper")):
        with pytest.raises(DataError, match="does not start"):
            build(catalog, built, other, readers=NOBODY)


def test_many_shards(catalog: Catalog, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build(catalog, built)
    monkeypatch.setattr(shards_module, "SHARD", 300_000)
    parts = build(catalog, tmp_path)
    assert len(files(tmp_path)) > 2 > len(files(built))
    for video in catalog.videos[:6]:
        a, b = (s.clip(video.sha256, 0, video.frames) for s in (whole, parts))
        np.testing.assert_array_equal(a, b)


def test_a_video_over_which_readers_die_or_hang_is_quarantined(
    tmp_path: Path,
    make_set: Callable[..., Path],
    misbehaving: Callable[..., Readers],
) -> None:
    names = ["A/dies.mp4", "A/good.mp4", "B/good.mp4", "B/hangs.mp4"]
    found = scan(make_set(names, []), cache=tmp_path)
    shards = open_shards(found.videos, found.folder, SPEC, cache=tmp_path, readers=misbehaving("decode"))
    hashes = {video.path: video.sha256 for video in found.videos}
    assert shards.quarantined == {
        hashes["A/dies.mp4"]: "the reader exited with 3",
        hashes["B/hangs.mp4"]: "the reader was still busy after 1 s",
    }
    assert set(shards.batches) == {hashes["A/good.mp4"], hashes["B/good.mp4"]}
    # It is remembered with the shard.
    again = open_shards(found.videos, found.folder, SPEC, cache=tmp_path, readers=NOBODY)
    assert again.quarantined == shards.quarantined


def test_a_video_that_changed_since_the_scan_is_quarantined(
    tmp_path: Path, make_set: Callable[..., Path]
) -> None:
    found = scan(make_set(["A/1.mp4", "B/1.mp4"], []), cache=tmp_path)
    videos = [replace(found.videos[0], frames=21), found.videos[1]]
    shards = open_shards(videos, found.folder, SPEC, cache=tmp_path)
    assert list(shards.quarantined.values()) == ["20 frames were decoded, but 21 counted"]


def test_flipped_bits_are_noticed(catalog: Catalog, copied: Path) -> None:
    shards = build(catalog, copied)
    (path,) = files(copied)
    sha256 = catalog.videos[0].sha256
    frame = shards.clip(sha256, 5, 1).tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(frame) + 100] ^= 1
    path.write_bytes(content)
    damaged = build(catalog, copied)
    damaged.clip(sha256, 6, 10)
    with pytest.raises(DataError, match="are damaged on the disk; delete the folder `shards`"):
        damaged.clip(sha256, 0, 6)


def test_a_torn_shard_is_noticed(catalog: Catalog, copied: Path) -> None:
    (path,) = files(copied)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="is damaged .*delete it"):
        build(catalog, copied)


def test_a_full_disk_is_refused_before_decoding(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DiskFull, match="but 1,000 are free"):
        build(catalog, tmp_path, readers=NOBODY)
    assert files(tmp_path) == []


def test_a_disk_that_fills_up_is_no_fault_of_the_video(catalog: Catalog, tmp_path: Path) -> None:
    code = (
        "from retable.data import worker as reader\n"
        "def full(**request): raise OSError(28, 'No space left on device')\n"
        "reader.TASKS = {'decode': full}\nreader.main()"
    )
    with pytest.raises(DiskFull):
        build(catalog, tmp_path, readers=Readers(command=(sys.executable, "-c", code)))
    assert files(tmp_path) == []


BUILD = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from retable.data.samples import shards
from retable.data.scan.catalog import scan
from retable.data.decode.spec import ClipSpec

def progress(done, total):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), 9)

shards.SHARD = 300_000
catalog = scan(Path(sys.argv[1]), cache=Path(sys.argv[2]) )
made = shards.open_shards(catalog.videos, catalog.folder, ClipSpec(size=32), cache=Path(sys.argv[2]), progress=progress)
sys.exit(0 if len(made.batches) == len(catalog.videos) else 1)
"""


def start(root: Path, cache: Path, dies_after: int = -1) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", BUILD, str(root), str(cache), str(dies_after)])


def contents(cache: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in files(cache)}


def test_a_killed_build_leaves_only_whole_shards_and_is_continued(embedded: Path, tmp_path: Path) -> None:
    assert start(embedded, tmp_path, dies_after=9).wait() == -9
    left = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "shards").glob("*/*.arrow")}
    assert 0 < len(left) < int(next(iter(left))[9:14])
    assert start(embedded, tmp_path).wait() == 0
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "shards").glob("*/*.arrow")}
    assert left.items() < after.items()


def test_two_processes_that_build_the_same_shards(embedded: Path, tmp_path: Path) -> None:
    both = [start(embedded, tmp_path / "shared") for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert start(embedded, tmp_path / "alone").wait() == 0
    assert contents(tmp_path / "shared") == contents(tmp_path / "alone")
