"""What lies between machines: clocks, shared storage, and the sum of two workers' numbers."""

import itertools
import time
from pathlib import Path

import pytest

from retable.doctor import all_reduce, clock, storage
from retable.doctor.all_reduce import Timing
from retable.doctor.clock import Skew, membership


def test_a_skew_is_taken_from_the_quickest_trip() -> None:
    slow, quick = (0.0, 107.0, 10.0), (20.0, 120.7, 21.0)
    found = clock.skew([slow, quick])
    assert [found.seconds, found.within] == pytest.approx([100.2, 0.5])


def test_a_clock_that_is_ahead_is_measured_as_such() -> None:
    found = clock.measure_skew(lambda: time.time() + 100, times=3)
    assert abs(found.seconds - 100) <= found.within + 1e-6
    found = clock.measure_skew(time.time)
    assert abs(found.seconds) <= found.within + 1e-6


@pytest.mark.parametrize(
    ("skew", "verdict"),
    [
        (Skew(0.01, 0.001), "ok"),
        (Skew(1.5, 0.7), "ok"),  # within what the round trip leaves open
        (Skew(-1.5, 0.1), "warning"),
        (Skew(-40.0, 0.1), "failure"),
    ],
)
def test_a_clock_is_judged_by_what_is_certain_of_its_skew(skew: Skew, verdict: str) -> None:
    assert clock.clock(skew).verdict == verdict


@pytest.mark.parametrize("url", [False, True])
def test_a_mark_is_read_where_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: bool
) -> None:
    monkeypatch.setattr(storage, "LATE", 900)  # this disk may be
    place = (tmp_path / "shared").as_uri() if url else str(tmp_path / "shared")
    mark = storage.write(place)
    reading = storage.read(place, mark)
    assert reading.fault == ""
    assert storage.assess(place, {"here": reading}).verdict == "ok"
    storage.remove(place, mark)
    assert list((tmp_path / "shared").iterdir()) == []


def test_a_mark_that_is_not_there_or_not_the_same_fails(tmp_path: Path) -> None:
    mark = storage.write(str(tmp_path / "a"))
    other = storage.Mark(str(tmp_path / "b" / Path(mark.name).name), mark.content)
    found = storage.assess("/shared", {"host1": storage.read(str(tmp_path / "b"), other, patience=0.0)})
    assert (found.verdict, "what host1 wrote can't be read here" in found.found) == ("failure", True)
    Path(mark.name).write_text("damaged")
    reading = storage.read(str(tmp_path / "a"), mark)
    assert storage.assess("/shared", {"host1": reading}).verdict == "failure"


def test_a_mark_that_comes_late_is_waited_for_and_a_warning(tmp_path: Path) -> None:
    assert storage.assess("/shared", {"host1": storage.Reading(seconds=4.0)}).verdict == "warning"


def test_storage_below_a_file_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        storage.write(str(tmp_path / "file" / "results"))
    assert storage.unwritable("/shared", "PermissionError: no").verdict == "failure"


def test_nodes_that_did_not_join_fail() -> None:
    there = [("10.0.0.1", "head"), ("10.0.0.2", "worker")]
    assert membership([], there).found == "2 nodes: head (10.0.0.1), worker (10.0.0.2)"
    assert membership(["10.0.0.2", "10.0.0.1"], there).verdict == "ok"
    found = membership(["10.0.0.1", "10.0.0.3"], there)
    assert (found.verdict, found.found.startswith("10.0.0.3 did not join")) == ("failure", True)


def test_two_processes_add_up_ones() -> None:
    timing = all_reduce.measure_locally("gloo", size=2**20)
    assert timing.fault == ""
    assert timing.size == 2**20
    assert timing.gigabytes_per_second > 0
    assert all_reduce.assess("gloo", timing, "two processes", slow=0.0).verdict == "ok"
    found = all_reduce.assess("gloo", timing, "two processes", slow=1e6)
    assert (found.verdict, "GB/s, 1 MiB in" in found.found) == ("warning", True)


def test_a_worker_whose_other_never_comes_fails_in_time(tmp_path: Path) -> None:
    timing = all_reduce.measure(0, (tmp_path / "meeting").as_uri(), "gloo", size=1024, seconds=0.5)
    assert timing.fault
    found = all_reduce.assess("gloo", timing, "host1 and host2")
    assert (found.verdict, "GLOO_SOCKET_IFNAME" in found.advice) == ("failure", True)


def test_bandwidth_is_bytes_over_seconds() -> None:
    assert Timing(0.5, 10**9).gigabytes_per_second == 2.0
    findings = itertools.product(("gloo", "nccl"), (Timing(0.5, 10**9),))
    assert [all_reduce.assess(b, timing, "a and b").verdict for b, timing in findings] == ["ok", "ok"]
