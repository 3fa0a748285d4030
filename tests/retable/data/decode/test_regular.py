"""What is no regular file is never opened, and what hangs a reader hangs nobody else."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from retable.data import worker as reader
from retable.data.decode.pool import Readers
from retable.data.decode.regular import NotRegularError, open_regular
from retable.data.scan.catalog import scan

MakeSet = Callable[..., Path]


def make(kind: str, path: Path) -> None:
    path.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as place:
            here = os.open(path.parent, os.O_RDONLY)  # the path itself may be too long for a socket
            try:
                place.bind(f"/proc/self/fd/{here}/{path.name}")
            finally:
                os.close(here)


KINDS = ("a pipe", "a device", "a folder", "a socket")


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    make(kind, tmp_path / "x")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    for path in (tmp_path / "x", tmp_path / "link"):
        with pytest.raises(OSError, match=f"is {kind} and no regular file|No such device or address"):
            open_regular(path)
    if kind != "a socket":
        with pytest.raises(NotRegularError):
            open_regular(tmp_path / "x")


def test_regular_files_and_links_to_them_are(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"content"


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_set_with_one_is_scanned_to_its_end(tmp_path: Path, make_set: MakeSet, kind: str) -> None:
    root = make_set(["A/1.mp4", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"])
    make(kind, root / "videos" / "A" / "2.mp4")
    catalog = scan(root, cache=tmp_path / "cache", readers=Readers(seconds=60))
    found = {video.path: (video.problem, video.note) for video in catalog.videos}
    assert found["A/2.mp4"] == (
        "not a file",
        f"testlist01.txt line 1: it is {kind}; put the file in its place",
    )
    assert [problem for problem, _ in found.values()].count(None) == 3


REQUESTS: Mapping[str, Mapping[str, object]] = {
    "probe": {},
    "probe image": {},
    "hash": {},
    "count": {},
    "decode": {"out": "out", "decoder": "pyav", "width": 8, "height": 8, "square": True},
    "decode image": {"out": "out", "size": 8, "square": True},
}


@pytest.mark.parametrize("task", REQUESTS)
def test_no_task_of_a_reader_waits_for_a_pipe(tmp_path: Path, task: str) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(NotRegularError):
        reader.TASKS[task](path=str(tmp_path / "x"), **REQUESTS[task])


def test_a_file_over_which_readers_die_is_hashed_by_readers(
    tmp_path: Path, make_set: MakeSet, misbehaving: Callable[..., Readers]
) -> None:
    """The fingerprint keeps the file's hash if a reader can take it, and goes without if none can."""
    root = make_set(["A/dies.mp4", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"])
    found = {v.path: v for v in scan(root, cache=tmp_path / "cache", readers=misbehaving("probe")).videos}
    assert found["A/dies.mp4"].problem == "unreadable"
    assert len(found["A/dies.mp4"].sha256) == 64
    again = {
        v.path: v for v in scan(root, cache=tmp_path / "again", readers=misbehaving("probe", "hash")).videos
    }
    assert again["A/dies.mp4"].problem == "unreadable"
    assert again["A/dies.mp4"].sha256 == ""
