"""Ray Data decodes as this machine's readers do, with any number of workers. One Ray, in a process of its own."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from retable.data.embedded.clips import ensure_embedded
from retable.data.scan.catalog import scan

DEADLINE = 900  # seconds, on a busy machine; alone it takes 30


def running(mark: str) -> list[str]:
    """Processes that have the mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Mapping[str, Any]]:
    """The data set, the folder in which it was prepared, and what encoding.py printed."""
    folder = tmp_path_factory.mktemp("encoding")
    source = ensure_embedded(folder / "cache", clips_per_class=2)
    mark = f"RETABLE_MARK_{secrets.token_hex(8)}"
    script = Path(__file__).with_name("encoding.py")
    (folder / "token").write_text(secrets.token_hex(32))  # a home folder may not be there, or not be writable
    (folder / "token").chmod(0o600)
    ours = {mark: "1", "OMP_NUM_THREADS": "1", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
    with (folder / "errors.txt").open("wb") as errors:
        done = subprocess.run(
            [sys.executable, str(script), str(source), str(folder)],
            env={**os.environ, **ours},
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 0, (folder / "errors.txt").read_text()[-2000:]
    end = time.monotonic() + 180
    while left := running(mark):
        assert time.monotonic() < end, f"still running: {left}"
        time.sleep(0.2)
    result: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return source, folder, result


def contents(out: Path) -> Mapping[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(files)}


def test_one_worker_two_workers_and_none_write_the_same_bytes(
    outcome: tuple[Path, Path, Mapping[str, Any]],
) -> None:
    source, folder, _ = outcome
    local, one, two = (contents(folder / name) for name in ("local", "one", "two"))
    assert sum(name.endswith(".arrow") for name in local) > 3
    assert {"dataset.json", "bad_files.json"} <= set(local)
    without = {name for name in local if not name.startswith("catalogs/")}
    assert {name: one[name] for name in without} == {name: local[name] for name in without}
    assert {name: two[name] for name in without} == {name: local[name] for name in without}
    prints = {scan(folder / name).fingerprint for name in ("local", "one", "two")}
    assert prints == {scan(source, cache=folder / "cache").fingerprint}


def test_progress_counts_files_and_bytes(outcome: tuple[Path, Path, Mapping[str, Any]]) -> None:
    source, folder, result = outcome
    frames = sum(video.frames for video in scan(source, cache=folder / "cache").usable("train").videos)
    for name in ("one", "two"):
        assert [told[:2] for told in result[name]] == [[done, 10] for done in range(1, 11)]
        assert result[name][-1][2] == frames * 3 * 43 * 32


def test_a_file_over_which_readers_die_harms_no_worker(
    outcome: tuple[Path, Path, Mapping[str, Any]],
) -> None:
    _, folder, result = outcome
    bad = json.loads((folder / "trapped" / "bad_files.json").read_bytes())
    assert result["trapped"].startswith(f"{len(bad)} of 20 videos")
    assert {(video["problem"], video["note"]) for video in bad} == {
        ("unreadable", "the reader exited with 3")
    }


def test_what_is_no_fault_of_a_file_is_told(outcome: tuple[Path, Path, Mapping[str, Any]]) -> None:
    _, folder, result = outcome
    assert "does not start" in result["broken"]
    assert (
        f"does not see {folder / 'absent'}; --source and --out must be on a file system" in result["unshared"]
    )
    assert not list((folder / "ray").iterdir())
    assert (result["first"] < 20, result["none"]) == (True, [])
