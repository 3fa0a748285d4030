"""The ledger's file: shared by threads and readers, whole on a full disk, and refused where it is not a ledger we know."""

import sqlite3
import threading
from pathlib import Path

import pytest

from retable.io import sqlite
from retable.io.files import DiskFull
from retable.store.ledger import Attempt, Ledger, LedgerError
from retable.store.ledger_schema import MIGRATIONS
from tests.retable.store.ledger.cases import A, B, C


def test_a_ledger_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old = sqlite.Database(path, MIGRATIONS[:1])
    old.execute("INSERT INTO trial VALUES ('a', 'walk', '{}')")
    old.execute("INSERT INTO study VALUES ('s', 'smoke', '2026-01-01')")
    old.execute("INSERT INTO membership VALUES ('s', 'smoke', 'a')")
    old.execute(
        "INSERT INTO attempt VALUES ('a', 1, 'failed', 'host', '', '', 7, 0, 2, 1, 1, 2, 2, 3, 5.5, 40, NULL, 'error', 'why')"
    )
    old.close()
    with Ledger(path) as opened:
        (attempt,) = opened.attempts("a")
        assert (attempt.state, attempt.seconds, attempt.iteration, attempt.message) == (
            "failed",
            5.5,
            40,
            "why",
        )
        assert (attempt.workers, attempt.split) == (2, 1)
        opened.finish(opened.begin("a", split=2), "pruned")
        assert [attempt.split for attempt in opened.attempts("a")] == [1, 2]


def test_everything_is_there_after_opening_again(ledger: Ledger) -> None:
    ledger.finish(ledger.begin(A), "stopped", {"x": 1}, "signal", "Ctrl-C")
    ledger.begin(B)
    with Ledger(ledger.path) as again:
        assert again.trials() == ledger.trials()


def test_threads_may_share_a_ledger(ledger: Ledger) -> None:
    attempts = [ledger.begin(signature) for signature in (A, B, C)]

    def work(attempt: Attempt) -> None:
        for iteration in range(30):
            ledger.progress(attempt, iteration)

    threads = [threading.Thread(target=work, args=(attempt,)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ledger.trial(signature).iteration for signature in (A, B, C)] == [29, 29, 29]


def test_status_reads_while_another_writes(ledger: Ledger) -> None:
    with Ledger(ledger.path) as status, ledger._db.writing() as db:
        db.execute("UPDATE trial SET name = 'half'")
        assert [trial.name for trial in status.trials()] == ["s_t=0", "s_t=1", "s_t=2"]


def test_a_copy_can_be_made_while_it_is_used(ledger: Ledger, tmp_path: Path) -> None:
    attempt = ledger.begin(A)
    source, copy = sqlite3.connect(ledger.path), sqlite3.connect(tmp_path / "copy.db")
    renewals = iter(range(3))  # each makes the copy begin anew
    source.backup(copy, pages=1, progress=lambda *_: ledger.renew(attempt) if next(renewals, None) else None)
    source.close()
    copy.close()
    with Ledger(tmp_path / "copy.db") as opened:
        assert [trial.state for trial in opened.trials()] == ["running", "missing", "missing"]


def test_what_was_committed_is_synced(ledger: Ledger) -> None:
    assert ledger._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert ledger._db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL


def test_a_newer_schema_is_refused_unchanged(ledger: Ledger) -> None:
    ledger._db.execute("UPDATE schema SET version = 99")
    ledger.close()
    with pytest.raises(LedgerError, match=r"has schema 99, but this version .* reads up to 2; .*pip install"):
        Ledger(ledger.path)
    opened = sqlite3.connect(ledger.path)
    assert opened.execute("SELECT version FROM schema").fetchall() == [(99,)]
    opened.close()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database; " * 100)
    with pytest.raises(
        LedgerError, match="is damaged or another file: file is not a database; move it away and run"
    ):
        Ledger(tmp_path / "ledger.db")


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="must be a file, but is a folder; move it away"):
        Ledger(tmp_path)


def test_a_full_disk_loses_nothing(ledger: Ledger) -> None:
    attempt = ledger.begin(A)
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match="make room and run the same command again"):
        ledger.finish(attempt, "done", {"long": "x" * 100_000})
    assert ledger.trial(A).state == "running"
    ledger._db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    ledger.finish(attempt, "done", {"long": "x" * 100_000})
    assert ledger.trial(A).state == "done"


def test_a_writer_that_never_ends_is_named(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    with (
        Ledger(ledger.path) as other,
        ledger._db.writing(),
        pytest.raises(LedgerError, match="another process"),
    ):
        other.begin(A)
