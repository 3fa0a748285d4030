"""Each check of a machine, made to fail by what it is about."""

from pathlib import Path

import pytest

from retable.doctor import machine
from retable.doctor.finding import failure, ok, run_check, warning, worst


@pytest.mark.parametrize(
    ("version", "verdict"),
    [((3, 10, 12), "failure"), ((3, 11, 0), "ok"), ((3, 13, 9), "ok"), ((3, 14, 0), "warning")],
)
def test_python(version: tuple[int, int, int], verdict: str) -> None:
    found = machine.python(version)
    assert (found.verdict, found.found) == (verdict, ".".join(map(str, version)))


def test_a_disk_fails_below_the_bytes_that_a_checkpoint_needs(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet" / "made"
    assert machine.free_disk("results", folder, least=0, enough=0).verdict == "ok"
    assert machine.free_disk("results", folder, least=0, enough=2**60).verdict == "warning"
    found = machine.free_disk("results", folder, least=2**60)
    assert (found.verdict, found.check) == ("failure", "free disk, results")
    assert "make room, at least 1.15292e+09 GB" in found.advice
    assert not folder.exists()


def test_a_disk_fails_by_the_part_in_use(tmp_path: Path) -> None:
    assert machine.free_disk("temporary", tmp_path, least=0, enough=0, full=1.0).verdict == "ok"
    found = machine.free_disk("temporary", tmp_path, least=0, enough=0, full=0.0)
    assert found.verdict == "failure"
    assert "100% of the disk" in found.advice


def test_a_folder_below_a_file_can_never_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = machine.free_disk("results", tmp_path / "file" / "results")
    assert (found.verdict, "can't be written" in found.found) == ("failure", True)


def test_shared_memory(tmp_path: Path) -> None:
    assert machine.shared_memory(tmp_path, least=0, enough=0).verdict == "ok"
    assert machine.shared_memory(tmp_path, least=0, enough=2**60).verdict == "warning"
    found = machine.shared_memory(tmp_path, least=2**60)
    assert (found.verdict, "--shm-size" in found.advice) == ("failure", True)
    assert machine.shared_memory(tmp_path / "absent").verdict == "warning"


@pytest.mark.parametrize(
    ("soft", "hard", "verdict"),
    [(1024, 65_536, "ok"), (1024, -1, "ok"), (1024, 20_000, "warning"), (256, 1024, "failure")],
)
def test_open_files_are_judged_by_the_hard_limit_to_which_ray_raises_its_own(
    soft: int, hard: int, verdict: str
) -> None:
    assert machine.open_files((soft, hard)).verdict == verdict


def test_the_limits_of_this_process_are_the_default() -> None:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert f"{soft:,} now" in machine.open_files().found


def test_the_worst_finding_decides() -> None:
    good, odd, bad = ok("a", ""), warning("b", "", ""), failure("c", "", "")
    assert [worst(f) for f in ([], [good], [good, odd], [bad, good, odd])] == [
        "ok",
        "ok",
        "warning",
        "failure",
    ]


def test_a_check_that_breaks_is_a_failure_that_says_so() -> None:
    def broken() -> None:
        raise OSError("no such device")

    found = run_check("a device", broken)  # type: ignore[arg-type]
    assert (found.check, found.verdict) == ("a device", "failure")
    assert "OSError: no such device" in found.found
