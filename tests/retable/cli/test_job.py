"""The entry point of jobs on the head of a cluster."""

import os
import sys
from pathlib import Path

import pytest

from retable.cli import job
from retable.cluster.jobs.transfer import ANSWER, unpack
from retable.io.console import open_console

STUDY = str(Path(__file__).parents[3] / "studies" / "cost_ablation.py")


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RETABLE_STORAGE", str(tmp_path / "storage"))
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))  # undone afterwards, whatever is set
    monkeypatch.delenv("RETABLE_CACHE")
    return tmp_path / "storage"


def test_a_head_that_does_not_say_where_results_live_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RETABLE_STORAGE", raising=False)
    assert job.main(["status", STUDY]) == 2
    said = capsys.readouterr().out
    assert "started without RETABLE_STORAGE" in said
    assert ANSWER not in said


def test_a_study_is_run_as_a_script_with_the_clusters_results(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Replaced(Exception):
        pass

    ran: list[list[str]] = []

    def replace(python: str, words: list[str]) -> None:
        ran.append(words)
        raise Replaced

    monkeypatch.setattr(os, "execv", replace)
    with pytest.raises(Replaced):
        job.main(["script", "studies/x.py", "run", "--scale", "toy"])
    with pytest.raises(Replaced):
        job.main(["script", "studies/x.py", "status", "--scale", "toy"])
    options = ["--scale", "toy", "--address", "auto", "--out", str(storage)]
    assert ran == [
        [sys.executable, "studies/x.py", "run", *options],
        [sys.executable, "studies/x.py", "status", "--scale", "toy", "--out", str(storage)],
    ]
    assert os.environ["RETABLE_CACHE"] == str(storage / "cache")


def test_words_of_the_command_line_get_the_clusters_results(
    storage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []

    def note(*, arguments: list[str]) -> int:
        ran.append(arguments)
        return 0

    monkeypatch.setattr(job, "command_line", note)
    monkeypatch.setenv("RETABLE_STORAGE", "s3://bucket/lab")
    assert job.main(["status", STUDY, "--trial", "12"]) == 0
    assert job.main(["retry", STUDY, "--class", "lost"]) == 0
    assert job.main(["doctor", "--json"]) == 0
    assert ran == [
        ["status", STUDY, "--trial", "12", "--out", "s3://bucket/lab"],
        ["retry", STUDY, "--class", "lost", "--address", "auto", "--out", "s3://bucket/lab"],
        ["doctor", "--json", "--address", "auto", "--out", "s3://bucket/lab"],
    ]
    assert "RETABLE_CACHE" not in os.environ
    assert capsys.readouterr().out == f"{ANSWER}\n" * 3


def test_tables_come_with_their_files(
    storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def table(*, arguments: list[str]) -> int:
        folder = Path(arguments[arguments.index("--export") + 1])
        (folder / "tables").mkdir()
        (folder / "tables" / "table_1.csv").write_text("a\n")
        open_console().print(f"1 files are in {folder / 'tables'}.")
        return 1

    monkeypatch.setattr(job, "command_line", table)
    assert job.main(["table", STUDY]) == 1
    _, _, text = capsys.readouterr().out.partition(f"{ANSWER}\n")
    said, written = unpack(text, tmp_path / "here")
    assert said == f"1 files are in {tmp_path / 'here' / 'tables'}.\n"
    assert [path.read_text() for path in written] == ["a\n"]
    assert not storage.exists()
