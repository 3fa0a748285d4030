"""What is wrong with a folder of results ends a command with one sentence that says what to do, without a traceback."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retable.cli.main import main_study
from retable.io import sqlite
from retable.store.assignment import Assignment
from retable.store.fence import fence
from retable.store.ledger import Ledger
from retable.study.study import Study
from retable.training import loop
from retable.training.run import AssignedRun
from tests.retable.cli import damage
from tests.retable.cli.damage import REPORT, RETRY, RUN, STATUS, Say, execute, garbage, overwrite, printed
from tests.retable.store.ledger.cases import ABROAD

WALKING = Path(__file__).parents[1] / "cluster" / "walking.py"
MOVE_AWAY = "move it away and run the study again: finished trials are taken from their folders"


def test_a_process_of_its_own_ends_with_the_sentence_and_code_2(results: Path, data: Path) -> None:
    garbage(results / "ledger.db")
    command = [sys.executable, "-m", "retable", "status", str(WALKING)]
    done = subprocess.run(
        [*command, "--out", str(results), "--data", str(data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == ""
    assert "file is not a database; move it away and run the study again" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "change",
    [
        garbage,
        damage.truncated,
        damage.folder,
        damage.foreign,
        damage.without_version,
        damage.without_tables,
        damage.with_bad_values,
    ],
)
def test_a_damaged_ledger(results: Path, say: Say, change: Callable[[Path], None]) -> None:
    change(results / "ledger.db")
    for options in (RUN, STATUS, REPORT, RETRY):
        text = say(options, results)
        assert f"{results / 'ledger.db'}" in text
        assert MOVE_AWAY in text


def test_the_remedy_for_a_damaged_ledger_holds(results: Path, say: Say) -> None:
    """Finished trials are taken from their folders; one that had several attempts goes on from its checkpoint."""
    (config,) = (path for path in results.glob("trials/*/config.json") if '"judge"' not in path.read_text())
    unfinished = config.parent
    (unfinished / "result.json").unlink()
    fence(unfinished, 3)
    garbage(results / "ledger.db")
    say(RUN, results)
    (results / "ledger.db").rename(results / "away.db")
    say(RUN, results, code=0)
    with Ledger(results / "ledger.db") as ledger:
        attempts = {record.signature: record.attempts for record in ledger.trials()}
    (attempt,) = attempts.pop(unfinished.name)
    assert (attempt.number, attempt.state) == (4, "done")
    assert [one.message for (one,) in attempts.values()] == ["found in its folder"]


def test_a_ledger_of_a_newer_version(results: Path, say: Say) -> None:
    execute(results / "ledger.db", "UPDATE schema SET version = 99")
    text = say(STATUS, results)
    assert "has schema 99, but this version of Retable reads up to 2; use the version that wrote it" in text


def test_a_ledger_that_another_process_keeps_locked(
    results: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    other = sqlite3.connect(results / "ledger.db")
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    for options in (RUN, STATUS, REPORT):
        text = say(options, results)
        assert (
            "is locked: another process has been writing for 0.1 s; wait for that process or stop it" in text
        )
    other.close()


@contextmanager
def no_superuser() -> Iterator[None]:
    """Whom permissions bind: root is somebody else for as long as the block lasts."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_the_user_may_not_read_or_write(
    results: Path,
    say: Say,
    study: Study[Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    say(REPORT, results, code=0)  # all modules are imported
    with tempfile.TemporaryDirectory() as name:
        theirs, empty = Path(name) / "theirs", Path(name) / "empty"
        shutil.copytree(results, theirs)
        empty.mkdir()
        (theirs / "ledger.db").chmod(0)
        for path in (Path(name), empty):
            path.chmod(0o555)
        with no_superuser():
            text = say(STATUS, theirs)
        assert f"the ledger {theirs / 'ledger.db'} can't be read and written" in text
        assert "let this user read and write the file and its folder" in text
        monkeypatch.setenv("RETABLE_CACHE", str(empty))
        with no_superuser():
            assert main_study(study, ["--report", "--out", str(empty / "results")]) == 2
        text = printed(capsys)
        assert f"{empty / 'results'} can't be written: Permission denied; let this user write there" in text
        for path in (Path(name), empty):
            path.chmod(0o755)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="where nobody may write needs Linux's /proc")
def test_a_results_folder_that_cannot_be_made(say: Say) -> None:
    for options in (RUN, REPORT):
        text = say(options, Path("/proc/results"))
        assert "/proc/results can't be written: No such file or directory; let this user write there" in text


def test_a_file_in_the_place_of_a_folder(results: Path, say: Say) -> None:
    shutil.rmtree(results / "tables")
    (results / "tables").write_text("")
    text = say(REPORT, results)
    assert f"{results / 'tables'} can't be written: a file has that name; let this user write" in text


def test_a_full_disk(tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    text = say(RUN, tmp_path / "results")
    assert "but 0 are free (or a quota is reached); make room and run the same command again" in text


def test_a_lost_lease(tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    train, out = loop.train, tmp_path / "results"

    def replaced(trial: Any, run: AssignedRun, *, split: int) -> str:
        if trial.config.trainable == "walk":
            assignment: Assignment = run.assignment
            with Ledger(out / "ledger.db", lease_seconds=-1) as ledger:  # every lease has run out
                attempt = ledger.begin(trial.signature, owner=ABROAD)
            fence(assignment.folder, attempt.number)
        return str(train(trial, run, split=split))

    monkeypatch.setattr(loop, "train", replaced)
    text = say(RUN, out, code=1)
    assert "may not write any more: attempt 2 is running; nothing is to be done" in text
    assert "Not finished: walk (held)" in text
    text = say(RUN, out, code=1)
    assert "is worked on by" in text
    assert "wait for it, or stop that process and run the same command again" in text


@pytest.mark.parametrize("content", [b"garbage \xff\x00 {", b"[]", b""])
def test_a_damaged_result_is_replaced_by_the_ledgers_copy(results: Path, say: Say, content: bytes) -> None:
    whole = say(REPORT, results, code=0).partition("Table 1.")
    overwrite(results, "trials/*/result.json", content)
    say(STATUS, results, code=0)
    assert say(REPORT, results, code=0).partition("Table 1.")[2] == whole[2]
    say(RUN, results, code=0)
    assert len(list(results.glob("trials/*/quarantine/*"))) == 2


def test_a_damaged_result_without_a_copy_costs_its_trial(results: Path, say: Say) -> None:
    (results / "ledger.db").unlink()
    overwrite(results, "trials/*/result.json")
    assert "unreadable" in say(REPORT, results, code=0)
    assert "2 trials for table 1: 0 finished, 2 to train" in say(RUN, results, code=0)


def test_a_damaged_fence_is_set_anew(results: Path, say: Say) -> None:
    for path in results.glob("trials/*/result.json"):
        path.unlink()
    (results / "ledger.db").unlink()
    overwrite(results, "trials/*/fence.json")
    assert "2 trials for table 1: 0 finished, 2 to train" in say(RUN, results, code=0)


@pytest.mark.parametrize("name", ["manifest.json", "state.safetensors"])
def test_a_damaged_checkpoint_is_set_aside_and_the_trial_trained(results: Path, say: Say, name: str) -> None:
    for path in results.glob("trials/*/result.json"):
        path.unlink()
    (results / "ledger.db").unlink()
    overwrite(results, f"trials/*/checkpoints/*/{name}")
    assert "2 trials for table 1: 0 finished, 2 to train" in say(RUN, results, code=0)
    assert list(results.glob("trials/*/quarantine/*"))
