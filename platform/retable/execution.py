"""One run of a plan: hands out attempts, keeps their leases, records what became of them.

The local runner and the Ray runner both draw from it, so what is trained, and what is never trained again, is
decided in one place from the ledger and the trials' folders.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

from retable import checkpoint
from retable.files import write_json
from retable.ledger import FINISHED, AlreadyDone, Attempt, Fenced, LeaseHeld, Ledger
from retable.plan import Plan, PlannedTrial
from retable.provenance import provenance
from retable.record import End
from retable.run import Assignment

RENEW_SECONDS = 10.0
LOOK_SECONDS = 1.0


class Observer(Protocol):
    """Who wants to know: the progress board, the tracker's shipper."""

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None: ...

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None: ...


class Proposer(Protocol):
    """Who adds trials to an execution while it runs, and may end some early: a search."""

    @property
    def open(self) -> bool:
        """Whether there may be more trials, now or later."""
        ...

    def propose(self) -> Sequence[PlannedTrial]:
        """More trials, each after those that it requires; none if there are none now."""
        ...

    def look(self, signature: str) -> None:
        """A trial has written something, or has ended."""
        ...


@dataclass
class Execution:
    """The state of one run of a plan.

    Attributes:
        results: folder of the ledger, the trials and the tables.
        data: root of the data set.
        observers: told of each attempt's begin and end, in this process.
        settled: states in which the ledger's trials are not handed out; add ``pruned`` where a search decides.
        states: signature -> waiting, running, done, collapsed, failed, stopped, pruned, held (by another process), or
            blocked (a required trial did not finish).
        messages: signature -> why a trial is failed, held or blocked.
        proposer: asked for more trials once none is waiting.
    """

    plan: Plan[Any]
    results: Path
    data: Path
    ledger: Ledger
    observers: tuple[Observer, ...] = ()
    settled: frozenset[str] = FINISHED
    states: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    stopping: bool = False
    proposer: Proposer | None = None
    _planned: dict[str, PlannedTrial] = field(default_factory=dict)
    _attempts: dict[str, Attempt] = field(default_factory=dict)
    _pruned: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._commit = provenance().code
        self._enter(self.plan.trials)

    def add(self, trials: Sequence[PlannedTrial]) -> None:
        """Add trials to the plan, each after those that it requires. Those that are in it already stay as they are."""
        fresh = tuple(planned for planned in trials if planned.signature not in self._planned)
        self.plan = replace(self.plan, trials=(*self.plan.trials, *fresh))
        self._enter(fresh)

    def _enter(self, trials: Sequence[PlannedTrial]) -> None:
        self.ledger.declare(
            self.plan.study.name,
            self.plan.scale.name,
            [(p.signature, dict(p.trial.identity), p.name) for p in trials],
        )
        for planned in trials:
            self._planned[planned.signature] = planned
            self._adopt(planned.signature)
            known = self.ledger.trial(planned.signature)
            self.states[planned.signature] = known.state if known.state in self.settled else "waiting"

    def folder(self, signature: str) -> Path:
        """The trial's folder."""
        return self.results / "trials" / signature

    def next(self) -> PlannedTrial | None:
        """A waiting trial whose requirements are finished; None if there is none now."""
        while not self.stopping:
            for planned in self.plan.trials:
                if self.states[planned.signature] != "waiting":
                    continue
                required = {self.states[signature] for signature in planned.requires}
                if required & {"failed", "blocked", "held", "stopped", "pruned"}:
                    self._give_up(planned, "blocked", "a trial that it requires did not finish")
                elif required <= FINISHED:
                    return planned
            if self.proposer is None or "waiting" in self.states.values():
                return None
            more = self.proposer.propose()
            if not more:
                return None
            self.add(more)
        return None

    @property
    def waiting(self) -> bool:
        """Whether a trial is still to be handed out, now or once its requirements are finished."""
        self.next()  # settles what is blocked
        more = self.proposer is not None and self.proposer.open
        return not self.stopping and (more or "waiting" in self.states.values())

    @property
    def running(self) -> tuple[str, ...]:
        """Signatures of the attempts under way."""
        return tuple(self._attempts)

    def begin(self, planned: PlannedTrial, workers: int = 1) -> Assignment | None:
        """Take the trial's lease for a gang of that size and prepare its folder; None if another process holds it."""
        signature = planned.signature
        try:
            attempt = self.ledger.begin(signature, workers=workers)
        except AlreadyDone:
            self.states[signature] = self.ledger.trial(signature).state
            return None
        except LeaseHeld as held:
            self._give_up(planned, "held", str(held))
            return None
        folder = self.folder(signature)
        checkpoint.fence(folder, attempt.number)
        write_json(
            folder / "config.json",
            {
                "signature": signature,
                "name": planned.name,
                "commit": self._commit,
                **planned.trial.identity,
            },
        )
        self._attempts[signature] = attempt
        assignment = self.assignment(signature, attempt.number)
        self.states[signature] = "running"
        for observer in self.observers:
            observer.began(planned, assignment)
        return assignment

    def assignment(self, signature: str, attempt: int) -> Assignment:
        """What the workers of an attempt need to know."""
        planned = self._planned[signature]
        required = {needed: self.folder(needed) for needed in planned.requires}
        return Assignment(planned.trial, self.folder(signature), self.data, attempt, required)

    def end(self, assignment: Assignment, state: str | None, message: str = "") -> None:
        """Record what became of an attempt.

        Args:
            state: what the loop returned; None if the attempt ended without saying (lost, killed, failed).
            message: why, for a failure.
        """
        signature = assignment.trial.signature
        attempt = self._attempts.pop(signature)
        pruned = self._pruned.pop(signature, None)
        assignment.stop_request.unlink(missing_ok=True)
        result = self._result(signature)
        if result is not None:
            state = result["state"]
        elif pruned is not None:
            state, message = "pruned", pruned
        elif state is None or state in FINISHED:
            state, message = "failed", message or "the attempt ended without a result"
        cause = "error" if state == "failed" else None
        try:
            self.ledger.finish(attempt, cast(End, state), result=result, cause=cause, message=message)
        except Fenced as fenced:
            state, message = "held", str(fenced)
        self.states[signature] = state
        if message:
            self.messages[signature] = message
        for observer in self.observers:
            observer.ended(self._planned[signature], state, message)
        self.reported(signature)

    def reported(self, signature: str) -> None:
        """A running trial has written something."""
        if self.proposer is not None:
            self.proposer.look(signature)

    def request_stop(self) -> None:
        """Ask every running attempt to save and return, and hand out no more."""
        self.stopping = True
        for signature, attempt in list(self._attempts.items()):
            self.assignment(signature, attempt.number).stop_request.touch()

    def prune(self, signature: str, reason: str) -> None:
        """End a running attempt early: it is asked to save and return, and recorded as pruned.

        The decision is in the ledger before this returns, so that it outlives this process. Nothing happens to a
        trial that is not running any more, and one that comes to its end before it sees the request is done.

        Args:
            reason: why, such as ``median rule at iteration 400``; the record's message.

        Raises:
            Fenced: the attempt was replaced by another process's.
        """
        attempt = self._attempts.get(signature)
        if attempt is not None:
            self.ledger.prune(attempt, reason)
            self._pruned[signature] = reason
            self.assignment(signature, attempt.number).stop_request.touch()

    @contextmanager
    def leases_kept(self) -> Iterator[None]:
        """Renew the running attempts' leases while the body runs, from a thread."""

        def renew() -> None:
            for attempt in list(self._attempts.values()):
                with suppress(Fenced):  # `end` will find it so and say it
                    self.ledger.renew(attempt)

        with _repeated(renew, RENEW_SECONDS, "leases"):
            yield

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look after the running trials for the proposer while the body runs, from a thread."""

        def look() -> None:
            for signature in self.running:
                self.reported(signature)

        with _repeated(look, LOOK_SECONDS, "looks") if self.proposer is not None else nullcontext():
            yield

    def _give_up(self, planned: PlannedTrial, state: str, message: str) -> None:
        self.states[planned.signature] = state
        self.messages[planned.signature] = message
        for observer in self.observers:
            observer.ended(planned, state, message)

    def _adopt(self, signature: str) -> None:
        """A result without its ledger entry (a crash between the two, or a lost ledger) is entered now."""
        result = self._result(signature)
        if result is None or self.ledger.trial(signature).state in FINISHED:
            return
        try:
            attempt = self.ledger.begin(signature)
        except LeaseHeld:
            return
        self.ledger.finish(attempt, result["state"], result=result, cause=None, message="found in its folder")

    def _result(self, signature: str) -> dict[str, Any] | None:
        path = self.folder(signature) / "result.json"
        if not path.exists():
            return None
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if result.get("signature") != signature:
            raise ValueError(
                f"{path} is the result of trial {result.get('signature')}, expected {signature}; "
                "move the folder away and run again"
            )
        return result


@contextmanager
def _repeated(action: Callable[[], None], seconds: float, name: str) -> Iterator[None]:
    """Do something every so many seconds while the body runs, in a thread."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
