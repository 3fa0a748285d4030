"""One run of a plan: hands out attempts, keeps their leases, records what became of them.

The local runner and the Ray runner both draw from it, so what is trained, and what is never trained again, is
decided in one place from the ledger and the trials' folders.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from retable.environment.provenance import provenance
from retable.execution import extension
from retable.execution.progress import TrialProgress
from retable.execution.retries import Cause, Retries, split_for
from retable.io.files import UnusableFileError, read_json, write_json
from retable.io.periodic import periodic
from retable.planning.plan import Plan, PlannedTrial
from retable.store import checkpoint
from retable.store.assignment import Assignment
from retable.store.fence import Fence
from retable.store.ledger import FINISHED, AlreadyDone, Attempt, Fenced, LeaseHeld, Ledger
from retable.store.records import End

if TYPE_CHECKING:
    from retable.execution.sync import Storage

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
        retries: what of the failed trials is begun again.
        settled: states in which the ledger's trials are not handed out; add ``pruned`` where a search decides.
        states: signature -> waiting, running, done, collapsed, failed, stopped, pruned, held (by another process), or
            blocked (a required trial did not finish).
        messages: signature -> why a trial is failed, held or blocked.
        hours: what a worker's hours are called; its runner knows whether a worker is a GPU.
        proposer: asked for more trials once none is waiting.
        storage: what `results` is a copy of, where nodes share no file system.
        notice: what holds its runner up now, such as ``waiting for a node: needs 2 CPUs, 1 there``; for people.
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
    notice: str = ""
    _planned: dict[str, PlannedTrial] = field(default_factory=dict)
    _attempts: dict[str, Attempt] = field(default_factory=dict)
    _pruned: dict[str, str] = field(default_factory=dict)
    _moved: dict[str, str] = field(default_factory=dict)
    _following: dict[str, TrialProgress] = field(default_factory=dict)
    _first: dict[str, int] = field(default_factory=dict)  # number of each trial's first attempt in this run

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
            self.states[planned.signature] = self._at_start(planned.signature)

    def folder(self, signature: str) -> Path:
        """The trial's folder."""
        return self.results / "trials" / signature

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
        """Whether a trial is still to be handed out, now or once its requirements are finished."""
        self.next()  # settles what is blocked
        more = self.proposer is not None and self.proposer.open
        return not self.stopping and (more or "waiting" in self.states.values())

    def split(self, planned: PlannedTrial, workers: int) -> int | None:
        """Parts that a worker group of that size has to cut the trial's micro-batches into for its memory; None if it can't."""
        config = planned.trial.config
        asked = "out_of_memory" in self.retries.asked and planned.signature not in self._first
        record = self.ledger.trial(planned.signature)
        return split_for(record, config.batch_size // config.accumulate, workers, afresh=asked)

    def refuse(
        self,
        planned: PlannedTrial,
        reason: str = "it ran out of memory and its micro-batch can't be cut any further",
    ) -> None:
        """Give up on a trial in this run: no worker group can train it."""
        self._give_up(planned, "failed", reason)

    @property
    def running(self) -> tuple[str, ...]:
        """Signatures of the attempts under way."""
        return tuple(self._attempts)

    def begin(self, planned: PlannedTrial, workers: int = 1, where: str = "") -> Assignment | None:
        """Take the trial's lease for a worker group of that size and prepare its folder; None if another process holds it.

        Args:
            where: the worker group's workers are, for people.
        """
        signature = planned.signature
        split = self.split(planned, workers)
        if split is None:
            self.refuse(planned)
            return None
        try:
            before = Fence.of(self.folder(signature)).attempt  # also of attempts that a lost ledger had
            attempt = self.ledger.begin(signature, workers=workers, split=split, above=before)
        except AlreadyDone:
            self.states[signature] = self.ledger.trial(signature).state
            return None
        except LeaseHeld as held:
            self._give_up(planned, "held", str(held))
            return None
        folder = self.folder(signature)
        start = self._start(planned)
        if start is not None:
            extension.carry_metrics(start, folder.parent, planned.trial)
        checkpoint.fence(folder, attempt.number)
        if start is not None:
            extension.carry(start, folder.parent, planned.trial, attempt.number)
        write_json(
            folder / "config.json",
            {
                "signature": signature,
                "name": planned.name,
                "commit": self._commit,
                "scale": self.plan.scale.name,
                "source": self.plan.scale.data,
                **planned.trial.identity,
            },
        )
        self._attempts[signature] = attempt
        self._first.setdefault(signature, attempt.number)
        assignment = replace(self.assignment(signature, attempt.number), split=split, where=where)
        self.states[signature] = "running"
        for observer in self.observers:
            observer.began(planned, assignment)
        return assignment

    def assignment(self, signature: str, attempt: int) -> Assignment:
        """What the workers of an attempt need to know."""
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
        """See what an attempt left: where nodes have folders of their own, it is brought here."""
        if self.storage is not None:
            self.storage.gather(signature)

    def end(
        self, assignment: Assignment, state: str | None, message: str = "", cause: Cause = "code"
    ) -> None:
        """Record what became of an attempt; one that failed may be handed out again.

        Args:
            state: what the loop returned; None if the attempt ended without saying (lost, killed, failed).
            message: why, for a failure: a traceback where there is one.
            cause: the failure's class.
        """
        signature = assignment.trial.signature
        attempt = self._attempts.pop(signature)
        pruned, moved = self._pruned.pop(signature, None), self._moved.pop(signature, None)
        assignment.stop_request.unlink(missing_ok=True)
        result = self._result(signature)
        if result is not None:
            state, message = result["state"], ""
        elif pruned is not None:
            state, message = "pruned", pruned
        elif state is None or state in FINISHED:
            state, message = "failed", message or "the attempt ended without a result"
        if moved is not None and (state == "stopped" or (state == "failed" and cause == "lost")):
            cause, message = "preempted", moved
        why = cause if state == "failed" or cause == "preempted" else None
        try:
            self.ledger.progress(attempt, self._iteration(signature))
            self.ledger.finish(attempt, cast(End, state), result=result, cause=why, message=message)
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

    def move(self, signature: str, reason: str) -> None:
        """Ask a running attempt to save and return, so that the trial goes on elsewhere.

        Args:
            reason: why, such as ``node 10.0.0.2 is taken away``.
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
                with suppress(Fenced):  # `end` will find it so and say it
                    self.ledger.progress(attempt, self._iteration(signature))

        with periodic(renew, RENEW_SECONDS, "leases"):
            yield

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look after the running trials for the proposer while the body runs, from a thread."""

        def look() -> None:
            for signature in self.running:
                self.reported(signature)

        with periodic(look, LOOK_SECONDS, "looks") if self.proposer is not None else nullcontext():
            yield

    def _try_again(self, signature: str) -> bool:
        every = self._planned[signature].trial.config.snapshot_every
        return self.retries.try_again(self.ledger.trial(signature), self._first[signature], every)

    def _start(self, planned: PlannedTrial) -> extension.Start | None:
        """Where a shorter training of the trial left off, if the trial has no checkpoint of its own yet."""
        folder = self.folder(planned.signature)
        if next(checkpoint.sound(folder, planned.signature), None) is not None:
            return None
        start = extension.start_of(planned.trial, self.ledger.trials(), folder.parent)
        return None if isinstance(start, str) else start

    def _iteration(self, signature: str) -> int:
        """How far a trial is by its outbox."""
        following = self._following.setdefault(signature, TrialProgress(self.folder(signature), 0))
        following.refresh()
        return following.iteration

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
        try:
            result = read_json(path)
        except UnusableFileError as error:
            remedy = f"put a copy of it back, or train the trial again with `retable retry STUDY --trial {signature}`"
            raise UnusableFileError(error.problem, remedy=remedy) from error
        if result.get("signature") != signature:
            raise UnusableFileError(
                f"{path} is the result of trial {result.get('signature')}, expected {signature}",
                remedy="move the folder away and run again",
            )
        return result
