"""The ledger finishes a trial once, whatever its attempts do and in whatever order."""

from collections.abc import Callable
from math import inf
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

from retable.environment.process import ProcessIdentity
from retable.store.ledger import (
    FINISHED,
    AlreadyDone,
    Attempt,
    Fenced,
    LeaseHeld,
    Ledger,
    LedgerError,
    UnknownTrial,
)
from tests.retable.store.ledger.cases import ABROAD, GONE, ME, NEIGHBOUR, TRIALS, A, B, C, Clocks


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


def test_a_finished_trial_is_begun_again_once_it_was_reopened(ledger: Ledger) -> None:
    ledger.finish(ledger.begin(A), "done", {"scores": {"is": 3.5}})
    ledger.reopen(A, "its weights are gone")
    trial = ledger.trial(A)
    last = trial.attempts[-1]
    assert (trial.state, trial.result, last.cause, last.message) == (
        "failed",
        None,
        "lost",
        "its weights are gone",
    )
    ledger.finish(ledger.begin(A), "done", {"scores": {"is": 3.25}})
    assert ledger.trial(A).result == {"scores": {"is": 3.25}}
    assert [attempt.state for attempt in ledger.attempts(A)] == ["failed", "done"]


@pytest.mark.parametrize("state", ["missing", "running", "failed", "stopped", "pruned"])
def test_what_is_not_finished_is_not_reopened(ledger: Ledger, state: str) -> None:
    if state != "missing":
        attempt = ledger.begin(A)
        if state != "running":
            ledger.finish(attempt, state)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=rf"{A} \(s_t=0\) is {state}, not finished"):
        ledger.reopen(A, "")
    assert ledger.trial(A).state == state


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
    with pytest.raises(LedgerError, match="a signature must stand for one identity; move it away"):
        ledger.declare("subsampling", "smoke", [("d" * 16, {}, "new"), (A, {"seed": 1}, "s_t=0")])
    assert len(ledger.trials()) == 3  # all or nothing


@pytest.mark.parametrize("call", [Ledger.begin, Ledger.trial, Ledger.attempts])
def test_an_undeclared_trial_is_unknown(ledger: Ledger, call: Callable[[Ledger, str], object]) -> None:
    with pytest.raises(UnknownTrial, match="declare its study first"):
        call(ledger, "f" * 16)


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


class Attempts(RuleBasedStateMachine):
    """Any order of calls, by any attempt ever made: the tables' rules hold and only the last attempt writes."""

    def __init__(self) -> None:
        super().__init__()
        # No time passes, however slow the disk is: only what is called changes anything.
        self.ledger = Ledger(Path(self.folder) / f"{next(self.numbers)}.db", lease_seconds=inf)
        self.ledger.declare("study", "smoke", TRIALS[:1])
        self.made: list[Attempt] = []
        self.ended: dict[int, str] = {}

    folder = ""
    numbers = iter(range(10**6))

    @rule(owner=st.sampled_from([ME, GONE, ABROAD, NEIGHBOUR]))
    def begin(self, owner: ProcessIdentity) -> None:
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

    @precondition(lambda self: self.made)
    @rule()
    def reopen(self) -> None:
        finished = self.ended.get(len(self.made)) in FINISHED
        try:
            self.ledger.reopen(A, "")
        except ValueError:
            assert not finished
        else:
            assert finished
            self.ended[len(self.made)] = "failed"

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
