"""`retable data prepare` with this machine's readers, on trees shaped like the real data sets."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from retable.cli.commands.data import prepare_data
from retable.data.datasets import locate
from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.decode.spec import ClipSpec
from retable.data.prepare import Preparation
from retable.data.samples.clips import Clips
from retable.data.scan import catalog as catalog_module
from retable.data.scan.catalog import scan
from retable.data.scan.prepared import FILE, read_prepared, write_prepared
from retable.data.scan.source import Source

SPEC = ClipSpec(size=24)
NOBODY = Readers(command=("false",))
Run = tuple[int, str]


@pytest.fixture(autouse=True)
def no_other_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "never"))


def preparation(
    source: Path, out: Path, spec: ClipSpec = SPEC, splits: tuple[str, ...] = ("train", "test")
) -> Preparation:
    return Preparation(source=Source("ucf101", source), out=out, spec=spec, splits=splits)


def prepare(
    source: Path, out: Path, spec: ClipSpec = SPEC, splits: tuple[str, ...] = ("train", "test")
) -> Run:
    """Exit code, and what was printed."""
    console = Console(file=StringIO(), width=400)
    code = prepare_data(preparation(source, out, spec, splits), console, local=True, workers=1)
    assert isinstance(console.file, StringIO)
    return code, console.file.getvalue()


@pytest.fixture(scope="module")
def prepared(ucf101: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A prepared folder, not to be changed, and what was printed."""
    out = tmp_path_factory.mktemp("prepared") / "out"
    return out, prepare(ucf101, out)


def arrows(out: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("shards/*/*.arrow"))}


def test_the_folder_stands_for_the_data_set(ucf101: Path, prepared: tuple[Path, Run], tmp_path: Path) -> None:
    out = tmp_path / "elsewhere"
    shutil.copytree(prepared[0], out)
    record = json.loads((out / FILE).read_bytes())
    assert record["videos"] == str(ucf101 / "UCF-101")
    assert scan(out).fingerprint == scan(ucf101, cache=tmp_path / "cache").fingerprint
    for split, count in (("train", 5), ("test", 3)):
        direct = Clips(ucf101, SPEC, split, 3, tmp_path / "cache")
        mapped = Clips(locate("ucf101", out), SPEC, split, 3, readers=NOBODY)
        assert len(mapped) == count
        assert mapped.classes == ("ApplyEyeMakeup", "HandstandPushups", "YoYo")
        assert mapped.fingerprint == direct.fingerprint
        for index in range(count):
            for a, b in zip(direct.sample(1, index), mapped.sample(1, index), strict=True):
                np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "never").exists()


def test_frames_are_counted_whatever_the_container_and_the_frame_rate(prepared: tuple[Path, Run]) -> None:
    videos = {video.path.split("/")[1]: video for video in scan(prepared[0]).videos}
    assert [video.problem for video in videos.values()] == [None] * 8
    varied, odd = videos["v_YoYo_g25_c07.mp4"], videos["v_HandStandPushups_g08_c01.avi"]
    assert (varied.frames, varied.label) == (24, 2)
    assert (odd.frames, odd.width, odd.height, odd.label) == (22, 81, 61, 1)


def test_what_is_told(prepared: tuple[Path, Run]) -> None:
    out, (code, printed) = prepared
    lines = printed.splitlines()
    assert code == 0
    assert lines[0] == (
        "The lists name 5 train, 3 test videos (the whole of ucf101 has 9,537 train, 3,783 test), of 3 classes. "
        f"About 433.2 kB of frames will be written to {out}."
    )
    assert 20 + 21 + 22 + 23 + 24 + 25 + 26 + 27 == 188  # frames of 3 · 32 · 24 bytes: 433.2 kB
    assert "Looking at files: 8 of 8 files" in printed
    assert "Decoding train: 5 of 5 files, 253.4 kB" in printed
    assert "Decoding test: 3 of 3 files, 179.7 kB" in printed
    assert lines[-2].startswith("8 videos of 3 classes: 8 can be used, 0 can't.")
    assert lines[-1] == f"Ready: train with --data {out}"


def test_a_second_run_decodes_only_what_is_missing(
    ucf101: Path, prepared: tuple[Path, Run], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(prepared[0], out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.arrow")}
    code, printed = prepare(ucf101, out)
    assert code == 0
    assert "Looking" not in printed
    assert "Decoding" not in printed
    code, printed = prepare(ucf101, out, replace(SPEC, size=16), ("train",))
    assert code == 0
    assert "Looking" not in printed
    assert "Decoding train: 5 of 5" in printed
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len(list(out.rglob("*.arrow"))) == 3


def test_frames_that_were_not_prepared_need_the_videos(prepared: tuple[Path, Run], tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(prepared[0], out)
    assert len(Clips(out, replace(SPEC, size=20), "train", 0)) == 5  # decoded now, into the prepared folder
    assert not (tmp_path / "never").exists()
    record = read_prepared(out)
    assert record is not None
    layout, found = record
    write_prepared(out, replace(layout, videos=tmp_path / "deleted"), found)
    assert len(Clips(out, SPEC, "train", 0, readers=NOBODY)) == 5
    with pytest.raises(DataError, match="frames of 21×16 .* have not been decoded, .* with --size 16"):
        Clips(out, replace(SPEC, size=16), "train", 0)


def test_bad_files_are_reported_and_too_many_refused(
    make_ucf101: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = make_ucf101(), tmp_path / "out"
    bad = "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c02.avi"
    video = source / "UCF-101" / bad
    video.write_bytes(video.read_bytes()[:3000])
    code, printed = prepare(source, out)
    assert code == 1
    assert f"{bad} │ train │ truncated" in " ".join(printed.split()).replace("┃", "│")
    assert "Training would not start: 1 of 8 videos" in printed
    assert json.loads((out / "bad_files.json").read_bytes()) == [
        {
            "path": bad,
            "split": "train",
            "problem": "truncated",
            "note": "the file ends before its container says that it does",
        }
    ]
    assert not (out / FILE).exists()
    assert arrows(out) == {}
    monkeypatch.setattr(catalog_module, "TOLERATED", 0.2)
    code, printed = prepare(source, out, SPEC, ("train",))
    assert code == 0
    assert "Decoding train: 4 of 4" in printed
    clips = Clips(out, SPEC, "train", 0, readers=NOBODY)
    assert (len(clips), clips.notice) == (4, "1 of 5 train videos are skipped: 1 truncated")


def test_files_over_which_readers_die_are_reported(
    make_ucf101: Callable[[], Path],
    tmp_path: Path,
    misbehaving: Callable[..., Readers],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalog_module, "TOLERATED", 0.2)
    source = make_ucf101()
    for path in source.rglob("*g08_c02.avi"):
        path.rename(path.with_name("dies.avi"))
    (source / "ucfTrainTestlist" / "trainlist01.txt").write_text(
        (source / "ucfTrainTestlist" / "trainlist01.txt")
        .read_text()
        .replace("v_ApplyEyeMakeup_g08_c02", "dies")
    )
    task = preparation(source, tmp_path / "out")
    readers, told = misbehaving("decode"), lambda done, total, size: None
    task.inspect()
    found = task.look(readers, told)
    catalog = task.decode(task.catalog(found), "train", readers, told)
    report = task.finish(catalog, found)
    assert [(v.path, v.problem, v.note) for v in report.bad] == [
        ("ApplyEyeMakeup/dies.avi", "unreadable", "the reader exited with 3")
    ]
    assert len(Clips(tmp_path / "out", SPEC, "train", 0, readers=NOBODY)) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: shutil.rmtree(root), "--source must be the folder of ucf101, but .* is no folder"),
        (
            lambda root: shutil.rmtree(root / "ucfTrainTestlist"),
            "is not in UCF101's layout: there is none of",
        ),
        (lambda root: (root / "ucfTrainTestlist/testlist01.txt").unlink(), "testlist01.txt is missing"),
        (
            lambda root: (root / "ucfTrainTestlist/classInd.txt").write_text("1 A\n3 B\n"),
            "must number its classes 1, 2, …",
        ),
        (
            lambda root: (root / "UCF-101/YoYo/v_YoYo_g08_c01.avi").unlink(),
            r"1 of 8 videos .* can't be used \(1 missing\).*; there is no .*v_YoYo_g08_c01.avi",
        ),
        (lambda root: shutil.rmtree(root / "UCF-101"), "8 of 8 videos .* there is no .*v_ApplyEyeMakeup_g01"),
        (
            lambda root: (root / "ucfTrainTestlist/testlist01.txt").write_text("YoYo/v_YoYo_g08_c01.avi\n"),
            "YoYo/v_YoYo_g08_c01.avi is listed 2 times",
        ),
        (
            lambda root: (root / "ucfTrainTestlist/testlist01.txt").write_text(""),
            "lists no test videos; its splits are train",
        ),
        (
            lambda root: (root / "ucfTrainTestlist/trainlist01.txt").write_text(
                "YoYo/v_YoYo_g08_c01.avi 1\n"
            ),
            r"1 of 4 videos .* \(1 unknown label\)",
        ),
    ],
)
def test_bad_input_is_told_before_anything_is_read(
    make_ucf101: Callable[[], Path], tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    source = make_ucf101()
    change(source)
    with pytest.raises(DataError, match=message):
        preparation(source, tmp_path / "out").inspect(NOBODY)
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_decoded(
    ucf101: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100_000))
    with pytest.raises(DataError, match=r"about 433\.2 kB are needed in .*, but 100\.0 kB are free"):
        preparation(ucf101, tmp_path / "out").inspect()
    small = preparation(ucf101, tmp_path / "out", replace(SPEC, size=8))
    small.inspect()
    found = small.look(Readers(), lambda done, total, size: None)
    assert len(found) == 8
    # Files were looked at: now the number is exact.
    with pytest.raises(DataError, match=r"but 100\.0 kB are free") as refused:
        preparation(ucf101, tmp_path / "out").look(NOBODY, lambda done, total, size: None)
    assert str(refused.value).startswith("433.2 kB are needed")


def test_a_folder_with_other_things_in_it_is_refused(ucf101: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(DataError, match=r"a folder of its own, .* has 'thesis\.tex' in it"):
        preparation(ucf101, tmp_path / "out").inspect(NOBODY)
    with pytest.raises(DataError, match="a folder of its own"):
        preparation(ucf101, ucf101).inspect(NOBODY)
    with pytest.raises(DataError, match="--out must be a folder, but .* is a file"):
        preparation(ucf101, tmp_path / "out" / "thesis.tex").inspect(NOBODY)


def test_a_folder_of_other_content_is_refused(
    make_ucf101: Callable[[], Path], prepared: tuple[Path, Run], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(prepared[0], out)
    source = make_ucf101()
    lists = source / "ucfTrainTestlist"
    train = (lists / "trainlist01.txt").read_text().splitlines()
    (lists / "trainlist01.txt").write_text("\n".join(train[1:]))
    with pytest.raises(
        DataError, match=f"a data set whose fingerprint is {scan(out).fingerprint}, and that of"
    ):
        prepare(source, out)


def test_a_damaged_record_is_noticed(prepared: tuple[Path, Run], tmp_path: Path) -> None:
    shutil.copytree(prepared[0], tmp_path / "out")
    record = tmp_path / "out" / FILE
    record.write_bytes(record.read_bytes().replace(b"YoYo", b"YaYo", 1))
    with pytest.raises(DataError, match="is damaged .* delete it and run `retable data prepare` again"):
        scan(tmp_path / "out")


KILLED = """
import os, sys
from pathlib import Path
from rich.console import Console
from retable.data.scan import probe as probes
from retable.data.samples import shards
from retable.data.prepare import Preparation
from retable.data.decode.pool import Readers
from retable.data.scan.source import Source
from retable.data.decode.spec import ClipSpec

def killing(last):
    def told(done, total, size):
        if done == last:
            os.kill(os.getpid(), 9)
    return told

looking, decoding = map(int, sys.argv[3:])
probes.SAVE_SECONDS = -1  # after each file, however coarse the clock
shards.SHARD = 60_000
task = Preparation(source=Source("ucf101", Path(sys.argv[1])), out=Path(sys.argv[2]), spec=ClipSpec(size=24))
task.inspect()
readers = Readers(processes=1)
found = task.look(readers, killing(looking))
task.decode(task.catalog(found), "train", readers, killing(decoding))
"""


def killed(source: Path, out: Path, looking: int = -1, decoding: int = -1) -> None:
    """A preparation that is killed after so many files."""
    command = [sys.executable, "-c", KILLED, str(source), str(out), str(looking), str(decoding)]
    assert subprocess.run(command, check=False).returncode == -9


def test_a_kill_does_not_make_it_look_at_files_again(ucf101: Path, tmp_path: Path) -> None:
    killed(ucf101, tmp_path / "out", looking=6)
    told: list[tuple[int, int, int]] = []
    task = preparation(ucf101, tmp_path / "out")
    task.look(Readers(processes=1), lambda *numbers: told.append(numbers))
    assert [numbers[:2] for numbers in told] == [(1, 2), (2, 2)]


def test_a_kill_loses_at_most_one_shard(
    ucf101: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    killed(ucf101, out, decoding=3)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.arrow")}
    assert len(before) == 1  # of shards of 2, 2 and 1 videos: three were decoded, and one of them is lost
    assert not (out / FILE).exists()
    with pytest.raises(DataError, match="has begun .* and not finished; run the same command"):
        scan(out)
    monkeypatch.setattr("retable.data.samples.shards.SHARD", 60_000)
    code, printed = prepare(ucf101, out, SPEC, ("train",))
    assert code == 0
    assert "Looking" not in printed
    assert "Decoding train: 3 of 3" in printed
    assert before.items() <= {path: path.stat().st_mtime_ns for path in out.rglob("*.arrow")}.items()
    assert prepare(ucf101, tmp_path / "whole", SPEC, ("train",))[0] == 0
    assert arrows(out) == arrows(tmp_path / "whole")
