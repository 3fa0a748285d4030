"""`retable doctor` on this machine: what it prints and what it returns."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from retable.cli.commands import doctor
from retable.cli.main import main
from retable.doctor import examine
from retable.doctor.finding import Finding, failure, ok, warning
from retable.doctor.report import from_json, rendered, to_json

CHECKS = {
    "Python",
    "packages",
    "CUDA",
    "torch.distributed",
    "video decoders",
    "token",
    "shared memory",
    "open files",
    "free disk, cache",
    "free disk, temporary",
    "free disk, results",
    "MLflow",
    "shared storage",
    "all-reduce, gloo",
}
MACHINES_OWN = {"CUDA", "shared memory", "open files", *(check for check in CHECKS if "free disk" in check)}
"""Checks that fail rightly on some machines: a container's shared memory is small, a disk full, a driver unused."""


def printed(findings: list[Finding]) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(rendered(findings))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_all_checks_are_made_here_and_told_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "auth_token"
    token.write_text("secret")
    token.chmod(0o644)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    for variable in ("RAY_AUTH_TOKEN", "RETABLE_STORAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(examine, "all_reduce_alone", lambda backend: ok(f"all-reduce, {backend}", "fast"))
    code = main(arguments=["doctor", "--out", str(tmp_path / "results"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert {finding["check"] for finding in told["findings"]} == CHECKS
    bad = {finding["check"] for finding in told["findings"] if finding["verdict"] == "failure"}
    assert (code, told["verdict"], bad - MACHINES_OWN) == (1, "failure", {"token"})
    token.chmod(0o600)
    assert main(arguments=["doctor", "--out", str(tmp_path / "results")]) == (1 if bad & MACHINES_OWN else 0)
    assert "chmod" not in capsys.readouterr().out


def test_storage_elsewhere_is_not_looked_for_on_this_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RETABLE_STORAGE", (tmp_path / "shared").as_uri())
    monkeypatch.setattr(doctor, "examine_alone", lambda subject: (ok("storage", subject.results),))
    assert main(arguments=["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"][0]["found"] == (tmp_path / "shared").as_uri()
    assert [f.check for f in examine._disks("s3://bucket/folder")] == [
        "free disk, cache",
        "free disk, temporary",
    ]


def test_a_url_holds_no_database_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert examine._tracker("s3://bucket/folder", "").verdict == "warning"
    assert examine._tracker(str(tmp_path), "").verdict == "ok"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    assert examine._tracker("s3://bucket/folder", "").verdict == "ok"


def test_what_nodes_have_in_common_is_one_row() -> None:
    good = ok("open files", "65,536 now")
    text = printed([good.on("host1"), good.on("host2"), replace(good, found="1,024 now").on("host3")])
    assert text.count("open files") == 2
    assert "host1, host2" in text
    assert "host3" in text
    assert "3 ok, 0 warnings, 0 failures" in text


def test_markup_in_a_finding_stays_text() -> None:
    assert "[red]" in printed([failure("node", "[red]no answer", "see [1]")])


def test_json_says_all_of_a_finding() -> None:
    finding = warning("clock", "2 s ahead", "use NTP").on("host1")
    told = to_json([finding])
    assert from_json(told) == (finding,)
    assert told == {
        "verdict": "warning",
        "findings": [
            {
                "check": "clock",
                "verdict": "warning",
                "found": "2 s ahead",
                "advice": "use NTP",
                "node": "host1",
            }
        ],
    }
