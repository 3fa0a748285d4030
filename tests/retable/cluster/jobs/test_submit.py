"""Submitting to a head that runs: what `submitting.py` says of it. Slow: a Ray, and jobs on it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.retable.cluster.with_token import printed_by

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("submit")


@pytest.fixture(scope="module")
def outcome(folder: Path) -> dict[str, Any]:
    return printed_by(Path(__file__).with_name("submitting.py"), folder, timeout=900)


def test_a_job_is_submitted_once_and_says_how_to_follow_it(outcome: dict[str, Any]) -> None:
    assert "running on" in outcome["submitted"]
    assert "it does not need this machine any more" in outcome["submitted"]
    assert "trains saying on this cluster already" in outcome["again"]


def test_driver_and_workers_run_the_code_that_travelled(folder: Path, outcome: dict[str, Any]) -> None:
    line = next(line for line in outcome["followed"].splitlines() if line.startswith("said "))
    told = json.loads(line.removeprefix("said "))
    assert "/working_dir_files/" in told["driver"]
    assert told["workers"] == [[told["driver"], str(folder / "storage" / "cache")]]
    assert told["out"] == str(folder / "storage")
    assert len(told["commit"].partition("-")[0]) == 40


def test_a_job_that_is_stopped_saves(outcome: dict[str, Any]) -> None:
    assert outcome["stopped"] == 0
    assert "\nsaved\n" in outcome["followed"]
    assert "stopped: Job was intentionally stopped" in outcome["followed"]
    assert outcome["logs"][0] == outcome["code"] == 1
    assert "\nsaved\n" in outcome["logs"][1]


def test_tables_come_back_from_the_head(folder: Path, outcome: dict[str, Any]) -> None:
    code, said = outcome["table"]
    assert code == 0
    assert "Table 1. Walks" in said
    assert f"files are in {folder / 'here' / 'tables' / 'walking'}." in said.replace("\n", "")
    assert "not run" in (folder / "here" / "tables" / "walking" / "table_1.md").read_text()


def test_what_the_head_refuses_is_told_as_it_says_it(outcome: dict[str, Any]) -> None:
    assert outcome["wrong"][0] == 2
    assert "must be different whole numbers such as 0,1,2, but got 'x'" in outcome["wrong"][1]


def test_the_doctor_looks_from_the_head_at_the_nodes_that_the_file_names(
    folder: Path, outcome: dict[str, Any]
) -> None:
    code, said = outcome["doctor"]
    findings = json.loads(said)["findings"]
    bad = {finding["check"]: finding["found"] for finding in findings if finding["verdict"] == "failure"}
    assert code == 1
    assert list(bad) == ["nodes"]
    assert bad["nodes"].startswith("10.1.2.3 did not join")
    stored = next(finding for finding in findings if finding["check"] == "shared storage")
    assert str(folder / "storage") in stored["found"]


def test_the_token_is_read_on_the_head_and_a_wrong_one_is_refused(outcome: dict[str, Any]) -> None:
    assert outcome["ssh"][-2] == "ann@10.1.2.3"
    assert "refuses the token: it is another cluster's" in outcome["refused"]


def test_nothing_is_left(outcome: dict[str, Any], folder: Path) -> None:
    mark = f"RETABLE_STORAGE={folder / 'storage'}".encode()
    left = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                left.append((entry / "cmdline").read_bytes())
        except OSError:
            continue
    assert left == []
