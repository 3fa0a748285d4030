"""One run of a plan: it begins attempts, renews their leases, and records their ends.

The local runner and the Ray runner both take their attempts from it, so one place decides, from the ledger and the
trials' folders, which trials are trained and which are never trained again.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from retable.environment.provenance import provenance
from retable.execution.attempt_folder import prepare_folder
from retable.execution.observers import Observer, Proposer
from retable.execution.progress import TrialProgress
from retable.execution.results import found_result
from retable.execution.retries import Cause, Retries, split_for
from retable.io.periodic import periodic
from retable.planning.plan import Plan, PlannedTrial
from retable.store.assignment import Assignment
from retable.store.fence import last_attempt
from retable.store.formats.layout import ResultsFolder
from retable.store.formats.result import ConflictingResults, TrialResult
from retable.store.ledger import FINISHED, AlreadyDone, Attempt, Fenced, LeaseHeld, Ledger
from retable.store.records import End

if TYPE_CHECKING:
    from retable.execution.sync import Storage

RENEW_SECONDS = 10.0
LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass
class Execution:
    """The state of one run of a plan.

    Attributes:
        results: folder of the ledger, the trials and the tables.
        data: root of the data set.
        observers: called at each attempt's beginning and end, in this process.
        retries: rules for failed trials.
        settled: states in which the ledger's trials are not begun; add ``pruned`` where a search decides.
        states: signature -> waiting, running, done, collapsed, failed, stopped, pruned, held (by another process), or
            blocked (a required trial did not finish).
        messages: signature -> the reason why a trial is failed, held or blocked.
        hours: name of a worker's hours; the runner knows whether a worker is a GPU.
        proposer: source of more trials once none is waiting.
        storage: the place that `results` is a copy of, where nodes share no file system.
        waiting_reason: the obstacle that holds the runner up now, such as ``waiting for a node: needs 2 CPUs, 1 there``; for people.
    """

    plan: Plan[Any]
    results: Path
    data: Path
    ledger: Ledger
    observers: tuple[Observer, ...] = ()
    retries: Retries = field(default_factory=Retries)
    settled: frozenset[str] = FINISHED
    states: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    stopping: bool = False
    hours: str = "worker-hours"
    proposer: Proposer | None = None
    storage: "Storage | None" = None
    waiting_reason: str = ""
    _planned: dict[str, PlannedTrial] = field(default_factory=dict)
    _attempts: dict[str, Attempt] = field(default_factory=dict)
    _pruned: dict[str, str] = field(default_factory=dict)
    _moved: dict[str, str] = field(default_factory=dict)
    _progress: dict[str, TrialProgress] = field(default_factory=dict)
    _first: dict[str, int] = field(default_factory=dict)  # number of each trial's first attempt in this run

    def __post_init__(self) -> None:
        self._commit = provenance().code
        self._enter(self.plan.trials)

    def add(self, trials: Sequence[PlannedTrial]) -> None:
        """Add trials to the plan, each after those that it requires. Those that are in it already stay as they are."""
        fresh = tuple(planned for planned in trials if planned.signature not in self._planned)
        self._enter(fresh)  # first: other threads look up the state of every trial of the plan
        self.plan = replace(self.plan, trials=(*self.plan.trials, *fresh))

    def _enter(self, trials: Sequence[PlannedTrial]) -> None:
        self.ledger.declare(
            self.plan.study.name,
            self.plan.scale.name,
            [(p.signature, dict(p.trial.identity), p.name) for p in trials],
        )
        for planned in trials:
            self._planned[planned.signature] = planned
            self._adopt(planned.signature)
            self.states[planned.signature] = self._at_start(planned.signature)

    def folder(self, signature: str) -> Path:
        """The trial's folder."""
        return ResultsFolder(self.results).trial(signature).path

    def next(self) -> PlannedTrial | None:
        """A waiting trial whose requirements are finished; None if there is none now."""
        return next(self.ready(), None)

    def ready(self) -> Iterator[PlannedTrial]:
        """The waiting trials whose requirements are finished, in the plan's order.

        The proposer is asked for more where none is waiting.
        """
        while not self.stopping:
            for planned in self.plan.trials:
                if self.states[planned.signature] != "waiting":
                    continue
                required = {self.states[signature] for signature in planned.requires}
                if required & {"failed", "blocked", "held", "stopped", "pruned"}:
                    self._give_up(planned, "blocked", "a trial that it requires did not finish")
                elif required <= FINISHED:
                    yield planned
            if self.proposer is None or "waiting" in self.states.values():
                return
            more = self.proposer.propose()
            if not more:
                return
            self.add(more)

    @property
    def waiting(self) -> bool:
        """True if a trial is still to be handed out, now or once its requirements are finished."""
        self.next()  # settles what is blocked
        more = self.proposer is not None and self.proposer.open
        return not self.stopping and (more or "waiting" in self.states.values())

    def split(self, planned: PlannedTrial, workers: int) -> int | None:
        """Parts that a worker group of that size cuts the trial's micro-batches into to fit its memory; None if it can't."""
        config = planned.trial.config
        requested = "out_of_memory" in self.retries.requested and planned.signature not in self._first
        record = self.ledger.trial(planned.signature)
        return split_for(record, config.batch_size // config.accumulate, workers, afresh=requested)

    def refuse(
        self,
        planned: PlannedTrial,
        reason: str = "it ran out of memory and its micro-batch can't be cut any further",
    ) -> None:
        """Give up a trial in this run: no worker group can train it."""
        self._give_up(planned, "failed", reason)

    @property
    def running(self) -> tuple[str, ...]:
        """Signatures of the attempts under way."""
        return tuple(self._attempts)

    def begin(self, planned: PlannedTrial, workers: int = 1, where: str = "") -> Assignment | None:
        """Take the trial's lease for a worker group of that size and prepare its folder; None if another process holds it.

        Args:
            where: nodes of the worker group, for people.
        """
        signature = planned.signature
        split = self.split(planned, workers)
        if split is None:
            self.refuse(planned)
            return None
        try:
            before = last_attempt(
                self.folder(signature)
            )  # which a ledger that was lost had, and this one lacks
            attempt = self.ledger.begin(signature, workers=workers, split=split, above=before)
        except AlreadyDone:
            self.states[signature] = self.ledger.trial(signature).state
            return None
        except LeaseHeld as held:
            self._give_up(planned, "held", str(held))
            return None
        prepare_folder(
            self.results,
            planned,
            attempt.number,
            self.ledger,
            commit=self._commit,
            scale=self.plan.scale.name,
            source=self.plan.scale.data,
        )
        self._attempts[signature] = attempt
        self._first.setdefault(signature, attempt.number)
        assignment = replace(self.assignment(signature, attempt.number), split=split, where=where)
        self.states[signature] = "running"
        for observer in self.observers:
            observer.began(planned, assignment)
        return assignment

    def assignment(self, signature: str, attempt: int) -> Assignment:
        """The assignment of an attempt to its workers."""
        planned = self._planned[signature]
        required = {needed: self.folder(needed) for needed in planned.requires}
        labels = {"study": self.plan.study.name, "scale": self.plan.scale.name, "cell": planned.cell}
        return Assignment(
            planned.trial,
            self.folder(signature),
            self.data,
            attempt,
            required,
            labels=labels,
            storage=self.storage.url if self.storage else None,
        )

    def gather(self, signature: str) -> None:
        """Copy an attempt's files to this host, where nodes have folders of their own."""
        if self.storage is not None:
            self.storage.gather(signature)

    def end(
        self, assignment: Assignment, state: str | None, message: str = "", cause: Cause = "code"
    ) -> None:
        """Record the end of an attempt; a trial that failed may be begun again.

        Args:
            state: returned by the loop; None if the attempt ended without a word (lost, killed, failed).
            message: the reason of a failure: a traceback where there is one.
            cause: the failure's class.
        """
        signature = assignment.trial.signature
        attempt = self._attempts.pop(signature)
        pruned, moved = self._pruned.pop(signature, None), self._moved.pop(signature, None)
        assignment.stop_request.unlink(missing_ok=True)
        result = self._result(signature)
        if result is not None:
            state, message = result.state, ""
        elif pruned is not None:
            state, message = "pruned", pruned
        elif state is None or state in FINISHED:
            state, message = "failed", message or "the attempt ended without a result"
        if moved is not None and (state == "stopped" or (state == "failed" and cause == "lost")):
            cause, message = "preempted", moved
        why = cause if state == "failed" or cause == "preempted" else None
        try:
            self.ledger.progress(attempt, self._iteration(signature))
            copy = None if result is None else result.to_json()
            self.ledger.finish(attempt, cast(End, state), result=copy, cause=why, message=message)
        except Fenced as fenced:
            state, message, why = "held", str(fenced), None
        self.states[signature] = state
        again = state == "failed" or (why == "preempted" and not self.stopping)
        if again and self._try_again(signature):
            self.states[signature] = "waiting"
        if message:
            self.messages[signature] = message
        for observer in self.observers:
            observer.ended(self._planned[signature], state, message)
        self.reported(signature)

    def reported(self, signature: str) -> None:
        """Pass on that a running trial has written something."""
        if self.proposer is not None:
            self.proposer.look(signature)

    def request_stop(self) -> None:
        """Ask every running attempt to save and return, and begin no more."""
        self.stopping = True
        for signature, attempt in list(self._attempts.items()):
            self.assignment(signature, attempt.number).stop_request.touch()

    def prune(self, signature: str, reason: str) -> None:
        """End a running attempt early: it is asked to save and return, and recorded as pruned.

        The decision is in the ledger before this returns, so that it outlives this process. Nothing happens to a
        trial that is not running any more, and one that comes to its end before it sees the request is done.

        Args:
            reason: such as ``median rule at iteration 400``; the record's message.

        Raises:
            Fenced: the attempt was replaced by another process's.
        """
        attempt = self._attempts.get(signature)
        if attempt is not None:
            self.ledger.prune(attempt, reason)
            self._pruned[signature] = reason
            self.assignment(signature, attempt.number).stop_request.touch()

    def move(self, signature: str, reason: str) -> None:
        """Ask a running attempt to save and return, so that the trial goes on elsewhere.

        Args:
            reason: such as ``node 10.0.0.2 is taken away``.
        """
        attempt = self._attempts.get(signature)
        if attempt is not None and signature not in self._moved:
            self._moved[signature] = reason
            self.assignment(signature, attempt.number).stop_request.touch()

    @contextmanager
    def leases_kept(self) -> Iterator[None]:
        """Renew the running attempts' leases while the body runs, from a thread."""

        def renew() -> None:
            for signature, attempt in list(self._attempts.items()):
                with suppress(Fenced):  # `end` finds the same and records it
                    self.ledger.progress(attempt, self._iteration(signature))

        with periodic(renew, RENEW_SECONDS, "leases"):
            yield

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Call the proposer for each running trial, every second while the body runs, from a thread."""

        def look() -> None:
            for signature in self.running:
                self.reported(signature)

        with periodic(look, LOOK_SECONDS, "looks") if self.proposer is not None else nullcontext():
            yield

    def _try_again(self, signature: str) -> bool:
        every = self._planned[signature].trial.config.snapshot_every
        return self.retries.try_again(self.ledger.trial(signature), self._first[signature], every)

    def _iteration(self, signature: str) -> int:
        """The last iteration in the trial's metrics log."""
        progress = self._progress.setdefault(signature, TrialProgress(self.folder(signature), 0))
        progress.refresh()
        return progress.iteration

    def _at_start(self, signature: str) -> str:
        record = self.ledger.trial(signature)
        if record.state in self.settled:
            return record.state
        if record.state == "failed" and not self.retries.take_up(record):
            self.messages[signature] = record.attempts[-1].message
            return "failed"
        return "waiting"

    def _give_up(self, planned: PlannedTrial, state: str, message: str) -> None:
        self.states[planned.signature] = state
        self.messages[planned.signature] = message
        for observer in self.observers:
            observer.ended(planned, state, message)

    def _adopt(self, signature: str) -> None:
        """Record a result without its ledger entry (a crash between the two, or a lost ledger)."""
        result = self._result(signature)
        if result is None or self.ledger.trial(signature).state in FINISHED:
            return
        try:
            attempt = self.ledger.begin(signature)
        except LeaseHeld:
            return
        self.ledger.finish(attempt, result.state, result=result.to_json(), message="found in its folder")

    def _result(self, signature: str) -> TrialResult | None:
        """The trial's result; None if there is none, or none that is sound."""
        try:
            return found_result(ResultsFolder(self.results).trial(signature), self.ledger.trial(signature))
        except ConflictingResults as error:  # the report refuses its cell; the study goes on
            log.warning("%s", error)
            return None
