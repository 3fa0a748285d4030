"""The ledger hands a trial to one attempt at a time, and refuses who was replaced."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from retable.environment.process import ProcessIdentity
from retable.store.ledger import Fenced, LeaseHeld, Ledger
from tests.retable.store.ledger.cases import ABROAD, GONE, ME, NEIGHBOUR, A, Clocks


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
def test_a_dead_owners_lease_is_taken_at_once(ledger: Ledger, owner: ProcessIdentity) -> None:
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
    ledger: Ledger, clocks: Clocks, owner: ProcessIdentity
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
