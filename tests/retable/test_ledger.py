"""The ledger hands a trial to one attempt at a time, finishes it once, and refuses who was replaced."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from retable import database
from retable.files import DiskFull
from retable.ledger import (
    FINISHED,
    MIGRATIONS,
    AlreadyDone,
    Attempt,
    Fenced,
    LeaseHeld,
    Ledger,
    LedgerError,
    UnknownTrial,
)
from retable.owner import Owner

TRIALS = [(f"{i:016x}", {"config": {"s_t": i}, "seed": 0}, f"s_t={i}") for i in range(3)]
A, B, C = (signature for signature, _, _ in TRIALS)

ME = Owner.current()
ABROAD = replace(ME, host="elsewhere", boot="other", pid=7)
"""An owner whose process cannot be seen from here."""
NEIGHBOUR = replace(ME, namespace="pid:[1]", pid=7)
"""An owner in another container of this host: same clock, its process cannot be seen."""
GONE = replace(ME, started=1)


class Clocks:
    """Both clocks in the test's hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.monotonic = 1.8e9, 5000.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "results" / "ledger.db") as opened:
        opened.declare("subsampling", "smoke", TRIALS)
        yield opened


def test_a_trial_goes_from_missing_to_done(ledger: Ledger, clocks: Clocks) -> None:
    assert ledger.trial(A).state == "missing"
    attempt = ledger.begin(A, workers=4)
    assert (attempt.number, attempt.state, attempt.owner) == (1, "running", ME)
    clocks.pass_(10)
    ledger.progress(attempt, 50)
    clocks.pass_(2.5)
    ledger.finish(attempt, "done", {"scores": {"is": 3.5}})
    trial = ledger.trial(A)
    assert (trial.state, trial.result, trial.iteration) == ("done", {"scores": {"is": 3.5}}, 50)
    assert (trial.seconds, trial.worker_seconds) == (12.5, 50.0)
    assert trial.identity == TRIALS[0][1]
    assert (trial.attempts[0].began, trial.attempts[0].ended) == (
        "2027-01-15T08:00:00.000+00:00",
        "2027-01-15T08:00:12.500+00:00",
    )


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_a_finished_trial_is_never_begun_again(ledger: Ledger, state: str) -> None:
    ledger.finish(ledger.begin(A), state)  # type: ignore[arg-type]
    with pytest.raises(AlreadyDone, match=rf"{A} \(s_t=0\) is {state}"):
        ledger.begin(A)


@pytest.mark.parametrize("state", ["failed", "stopped", "pruned"])
def test_others_are_begun_again_where_they_were(ledger: Ledger, state: str) -> None:
    attempt = ledger.begin(A)
    ledger.progress(attempt, 30)
    ledger.finish(attempt, state, cause="oom", message="out of memory")  # type: ignore[arg-type]
    again = ledger.begin(A)
    assert (again.number, again.iteration) == (2, 30)
    first = ledger.attempts(A)[0]
    assert (first.state, first.cause, first.message) == (state, "oom", "out of memory")
    ledger.finish(again, "done")
    assert [attempt.state for attempt in ledger.attempts(A)] == [state, "done"]


def test_declaring_again_adds_what_is_new_and_keeps_the_rest(ledger: Ledger) -> None:
    ledger.finish(ledger.begin(A), "done")
    ledger.declare("subsampling", "smoke", TRIALS[:1])
    ledger.declare("batch_size", "smoke", [(A, TRIALS[0][1], "other name"), ("d" * 16, {}, "new")])
    assert [trial.signature for trial in ledger.trials("subsampling")] == [A, B, C]
    assert [(t.signature, t.state, t.name) for t in ledger.trials("batch_size")] == [
        (A, "done", "other name"),
        ("d" * 16, "missing", "new"),
    ]
    assert len(ledger.trials()) == 4
    assert ledger.trials("subsampling", "paper") == []


def test_a_signature_stands_for_one_identity(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="a signature must stand for one identity"):
        ledger.declare("subsampling", "smoke", [("d" * 16, {}, "new"), (A, {"seed": 1}, "s_t=0")])
    assert len(ledger.trials()) == 3  # all or nothing


@pytest.mark.parametrize("call", [Ledger.begin, Ledger.trial, Ledger.attempts])
def test_an_undeclared_trial_is_unknown(ledger: Ledger, call: Callable[[Ledger, str], object]) -> None:
    with pytest.raises(UnknownTrial, match="declare its study first"):
        call(ledger, "f" * 16)


def test_a_living_owner_keeps_its_lease(ledger: Ledger, clocks: Clocks) -> None:
    ledger.begin(A, owner=ABROAD)
    clocks.pass_(59)
    with pytest.raises(
        LeaseHeld, match=r"worked on by process 7 on elsewhere since 2027-.*wait for it, or stop"
    ):
        ledger.begin(A)
    assert ledger.trial(A).state == "running"


def test_an_owner_may_replace_its_own_attempt(ledger: Ledger) -> None:
    first, second = ledger.begin(A), ledger.begin(A)
    assert second.number == 2
    assert [(a.state, a.cause) for a in ledger.attempts(A)] == [("failed", "replaced"), ("running", None)]
    with pytest.raises(Fenced):
        ledger.renew(first)


@pytest.mark.parametrize("owner", [GONE, replace(ME, boot="before"), replace(ME, pid=2**22 + 1)])
def test_a_dead_owners_lease_is_taken_at_once(ledger: Ledger, owner: Owner) -> None:
    lost = ledger.begin(A, owner=owner)
    assert (ledger.trial(A).state, ledger.attempts(A)[0].cause) == ("failed", "lost")
    assert "is gone" in ledger.attempts(A)[0].message
    attempt = ledger.begin(A)
    assert attempt.number == 2
    with pytest.raises(Fenced):
        ledger.progress(lost, 1)
    first = ledger.attempts(A)[0]
    assert (first.state, first.cause, first.ended) == ("failed", "lost", first.began)


@pytest.mark.parametrize("owner", [ABROAD, NEIGHBOUR])
def test_a_silent_owners_lease_is_taken_and_it_is_refused_from_then_on(
    ledger: Ledger, clocks: Clocks, owner: Owner
) -> None:
    silent = ledger.begin(A, owner=owner)
    clocks.pass_(40)
    ledger.renew(silent)
    clocks.pass_(40)
    with pytest.raises(LeaseHeld):
        ledger.begin(A)
    clocks.pass_(21)
    ledger.begin(A)
    writes: list[Callable[[], None]] = [
        lambda: ledger.renew(silent),
        lambda: ledger.progress(silent, 99),
        lambda: ledger.finish(silent, "done"),
        lambda: ledger.finish(silent, "failed"),
    ]
    for write in writes:
        with pytest.raises(
            Fenced, match="attempt 1 at trial .* may not write any more: attempt 2 is running"
        ):
            write()
    first, second = ledger.attempts(A)
    assert (first.cause, first.message) == ("lost", f"{owner} was silent for 61 s")
    assert (second.state, second.iteration) == ("running", 0)


def test_an_owner_that_was_silent_but_not_replaced_goes_on(ledger: Ledger, clocks: Clocks) -> None:
    attempt = ledger.begin(A, owner=NEIGHBOUR)
    clocks.pass_(1000)
    assert ledger.trial(A).state == "failed"
    ledger.renew(attempt)
    assert ledger.trial(A).state == "running"
    clocks.pass_(1000)
    ledger.finish(attempt, "failed", message="real reason")
    assert (ledger.attempts(A)[0].message, ledger.attempts(A)[0].cause) == ("real reason", None)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_jump_of_the_wall_clock_neither_ends_nor_prolongs_a_lease(
    ledger: Ledger, clocks: Clocks, days: int
) -> None:
    attempt = ledger.begin(A, owner=NEIGHBOUR)
    clocks.pass_(30)
    clocks.wall += days * 86_400
    with pytest.raises(LeaseHeld):
        ledger.begin(A)
    ledger.renew(attempt)
    assert ledger.attempts(A)[0].seconds == 30
    clocks.pass_(61)
    assert ledger.begin(A).number == 2


def test_a_pruning_outlives_its_process(ledger: Ledger, clocks: Clocks) -> None:
    attempt = ledger.begin(A, owner=NEIGHBOUR)
    ledger.prune(attempt, "median rule at iteration 400")
    assert ledger.trial(A).state == "running"
    clocks.pass_(61)  # killed before it stopped
    assert (ledger.trial(A).state, ledger.attempts(A)[0].message) == (
        "pruned",
        "median rule at iteration 400",
    )
    again = ledger.begin(A)
    assert (ledger.attempts(A)[0].state, ledger.attempts(A)[0].cause) == ("pruned", None)
    ledger.finish(again, "done")
    with pytest.raises(Fenced):
        ledger.prune(again, "too late")


def test_a_ledger_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old = database.Database(path, MIGRATIONS[:1])
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


def test_finishing_twice_changes_nothing(ledger: Ledger, clocks: Clocks) -> None:
    attempt = ledger.begin(A)
    ledger.finish(attempt, "done", {"is": 1.0})
    before = ledger.trial(A)
    clocks.pass_(5)
    ledger.finish(attempt, "done", {"is": 1.0})
    assert ledger.trial(A) == before
    writes: list[Callable[[], None]] = [
        lambda: ledger.finish(attempt, "collapsed"),
        lambda: ledger.renew(attempt),
    ]
    for write in writes:
        with pytest.raises(Fenced, match="attempt 1 is done"):
            write()


def test_a_result_that_is_not_finite_is_refused_and_the_attempt_goes_on(ledger: Ledger) -> None:
    attempt = ledger.begin(A)
    with pytest.raises(ValueError, match="JSON compliant") as refused:
        ledger.finish(attempt, "done", {"is": float("nan")})
    assert "not finite" in refused.value.__notes__[0]
    with pytest.raises(
        ValueError, match="ends as one of done, collapsed, failed, stopped, pruned, but got 'running'"
    ):
        ledger.finish(attempt, "running")  # type: ignore[arg-type]
    ledger.finish(attempt, "done", {"is": None})


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
    with pytest.raises(LedgerError, match="not a database; it is another kind of file"):
        Ledger(tmp_path / "ledger.db")


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="unable to open"):
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
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with (
        Ledger(ledger.path) as other,
        ledger._db.writing(),
        pytest.raises(LedgerError, match="another process"),
    ):
        other.begin(A)


class Attempts(RuleBasedStateMachine):
    """Any order of calls, by any attempt ever made: the tables' rules hold and only the last attempt writes."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(Path(self.folder) / f"{next(self.numbers)}.db")
        self.ledger.declare("study", "smoke", TRIALS[:1])
        self.made: list[Attempt] = []
        self.ended: dict[int, str] = {}

    folder = ""
    numbers = iter(range(10**6))

    @rule(owner=st.sampled_from([ME, GONE, ABROAD, NEIGHBOUR]))
    def begin(self, owner: Owner) -> None:
        last = self.made[-1] if self.made else None
        running = last is not None and last.number not in self.ended
        try:
            attempt = self.ledger.begin(A, owner=owner)
        except AlreadyDone:
            assert FINISHED & set(self.ended.values())
        except LeaseHeld:
            assert running
            assert last is not None
            assert last.owner not in (owner, GONE)
        else:
            assert not FINISHED & set(self.ended.values())
            assert attempt.number == len(self.made) + 1
            if running and last is not None:
                assert last.owner in (owner, GONE)
                self.ended[last.number] = "failed"
            self.made.append(attempt)

    @precondition(lambda self: self.made)
    @rule(
        choice=st.integers(0, 99), state=st.sampled_from(["done", "collapsed", "failed", "stopped", "renew"])
    )
    def write(self, choice: int, state: str) -> None:
        attempt = self.made[choice % len(self.made)]
        last = attempt is self.made[-1]
        allowed = last and (attempt.number not in self.ended or self.ended[attempt.number] == state)
        try:
            if state == "renew":
                self.ledger.renew(attempt)
            else:
                self.ledger.finish(attempt, state)  # type: ignore[arg-type]
        except Fenced:
            assert not allowed
        else:
            assert allowed
            if state != "renew":
                self.ended[attempt.number] = state

    @invariant()
    def at_most_one_end(self) -> None:
        states = [attempt.state for attempt in self.ledger.attempts(A)]
        assert len([state for state in states if state in FINISHED]) <= 1
        assert not set(states[:-1]) & {"running", *FINISHED}
        assert {i: s for i, s in enumerate(states, 1) if i in self.ended} == self.ended

    def teardown(self) -> None:
        self.ledger.close()


def test_each_trial_ends_at_most_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempts, "folder", str(tmp_path))
    run_state_machine_as_test(
        Attempts, settings=settings(max_examples=25, stateful_step_count=15, deadline=None)
    )
