"""Delivers trials' outboxes and artifacts to the tracker, from a thread of its own, behind the training.

Training writes into its outbox and never waits. A server that is dead, hung or slow delays what people see and
nothing else: what could not be delivered stays in the trials' folders, and goes out with the next run.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from retable.io.sealed import DamagedFile
from retable.tracking.delivery import Delivery
from retable.tracking.mlflow import ALIVE, Tracker, TrialRun, default_uri

PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0
PATIENCE = 3  # rounds that deliver nothing before the last one is the last

Key = tuple[str, str, str]  # study, scale, signature


class Uploader:
    """The way from the trials' folders to the tracker. Use it as long as the driver lives, then `close` it."""

    def __init__(
        self, tracker: Tracker, on_error: Callable[[str], None], pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        """Start the thread; nothing is contacted before there is a trial.

        Args:
            on_error: told, in the thread, once when deliveries keep failing and once when they go on.
            pause_seconds: between two looks at the outboxes; doubled at each failure, up to a minute.
        """
        self.tracker, self._on_error, self._pause = tracker, on_error, pause_seconds
        self._parcels: dict[Key, Delivery] = {}
        self._ledgers: dict[tuple[str, str], Mapping[str, str]] = {}
        self._changed, self._closing = threading.Event(), threading.Event()
        self._failures = 0  # in this round
        self._bad_rounds = 0  # in a row
        self._reason = ""  # of the last failure
        self._thread = threading.Thread(target=self._work, name="shipper", daemon=True)
        self._thread.start()

    def watch(self, trial: TrialRun, state: str | None = None) -> None:
        """Deliver what a trial has written and will write.

        Args:
            state: its final state in the ledger, if it has one already; None if it is being trained.
        """
        delivery = self._parcels.get(_key(trial)) or Delivery.of(trial, self.tracker.experiment)
        if state is None:
            delivery.begin(trial)
        else:
            delivery.end(state)
        self._add(delivery)

    def finish(self, signature: str, state: str, tags: Mapping[str, str] | None = None) -> None:
        """The trial's attempt has ended, and the ledger has its state. Unknown trials are let be.

        Args:
            tags: what is known only now, such as the protocols that it was scored by.
        """
        for key, delivery in list(self._parcels.items()):
            if key[2] == signature:
                delivery.end(state, tags)
        self._changed.set()

    def release(self, signature: str) -> None:
        """Another process trains the trial now, and delivers it."""
        for key in list(self._parcels):
            if key[2] == signature:
                del self._parcels[key]

    def reconcile(self, study: str, scale: str, states: Mapping[str, str]) -> None:
        """Bring the tracker in line with the ledger after earlier processes, which may have been killed.

        What they left undelivered of the study's trials goes out, and runs that show as running are ended unless
        the trial is.

        Args:
            states: signature -> state of every trial in the ledger.
        """
        for delivery in Delivery.all(self.tracker.results):
            if (delivery.trial.study, delivery.trial.scale) == (study, scale):
                self.take_over(delivery, states)
        self._ledgers[study, scale] = states
        self._changed.set()

    def take_over(self, delivery: Delivery, states: Mapping[str, str]) -> None:
        """Deliver what an earlier process left of a trial, unless it is being trained: then its own driver does."""
        state = delivery.state or states.get(delivery.trial.signature, "stopped")
        if _key(delivery.trial) not in self._parcels and state not in ALIVE:
            delivery.end(state)
            self._add(delivery)

    def pending(self) -> int:
        """Points, files and final states that were not delivered yet."""
        return sum(delivery.pending(self.tracker) for delivery in list(self._parcels.values()))

    def close(self, timeout: float) -> int:
        """Call what is still running stopped, and `drain`."""
        for delivery in list(self._parcels.values()):
            if delivery.state is None:
                delivery.end("stopped")
        return self.drain(timeout)

    def drain(self, timeout: float) -> int:
        """Deliver all that is there, then end the studies' runs and the thread.

        Args:
            timeout: most seconds to wait; a server that takes nothing is given up on sooner.

        Returns:
            `pending`.
        """
        self._closing.set()
        self._changed.set()
        self._thread.join(timeout)
        return self.pending()

    def _add(self, delivery: Delivery) -> None:
        self._parcels[_key(delivery.trial)] = delivery
        self._changed.set()

    def _work(self) -> None:
        fruitless = 0  # rounds in a row that failed and delivered nothing
        while True:
            closing = self._closing.is_set()
            self._changed.wait(0 if closing else min(self._pause * 2**fruitless, LONGEST_PAUSE_SECONDS))
            self._changed.clear()
            closing = self._closing.is_set()  # before the round: the last one sees all that came before
            delivered = self._round(closing)
            fruitless = fruitless + 1 if self._failures and not delivered else 0
            if closing and (not self._failures or fruitless >= PATIENCE):
                return

    def _round(self, closing: bool) -> bool:
        """Deliver what each trial has. Returns whether that was anything."""
        self._failures, before = 0, self._delivered
        for key, delivery in list(self._parcels.items()):
            with self._failures_counted():
                delivery.deliver(self.tracker)
                continue
            if key in self._parcels:
                self._parcels[key] = self._parcels.pop(key)  # the others go first next time
            if self._failures == 2:
                break  # it is the server, not a trial of which it refuses something
        else:
            with self._failures_counted():
                self._reconcile()
                if closing:
                    self._end_studies()
        self._tell()
        return self._delivered > before

    @property
    def _delivered(self) -> int:
        return sum(delivery.delivered for delivery in list(self._parcels.values()))

    @contextmanager
    def _failures_counted(self) -> Iterator[None]:
        """A block that may fail in any way: training goes on, and so must this thread."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - counted, told, and tried again
            self._failures += 1
            self._reason = self.tracker.redacted(f"{type(error).__name__}: {error}".splitlines()[0])[:300]

    def _tell(self) -> None:
        """Tell the user of an outage and of its end. One failed call is nobody's business: it is tried again."""
        if self._failures:
            self._bad_rounds += 1
            if self._bad_rounds == 2:
                self._on_error(
                    f"MLflow at {self.tracker.place} does not take everything ({self._reason}). Training goes on; what "
                    "is not delivered stays in the trials' folders and goes out when it answers, or with the next run."
                )
        elif self._bad_rounds:
            if self._bad_rounds > 1:
                self._on_error(f"MLflow at {self.tracker.place} takes everything again.")
            self._bad_rounds = 0

    def _reconcile(self) -> None:
        for (study, scale), states in list(self._ledgers.items()):
            here = {p.trial.signature: p.state or "running" for p in self._parcels_of(study, scale)}
            self.tracker.reconcile(study, scale, {**states, **here}, _now_ms())
            if self._ledgers.get((study, scale)) is states:
                del self._ledgers[study, scale]

    def _end_studies(self) -> None:
        for study, scale in {(study, scale) for study, scale, _ in list(self._parcels)}:
            states = [delivery.state for delivery in self._parcels_of(study, scale)]
            final = [state for state in states if state is not None]
            if len(final) == len(states):
                self.tracker.end_study(study, scale, final, _now_ms())

    def _parcels_of(self, study: str, scale: str) -> list[Delivery]:
        return [delivery for key, delivery in list(self._parcels.items()) if key[:2] == (study, scale)]


def upload_all(
    results: Path, states: Mapping[str, str], on_error: Callable[[str], None], timeout: float
) -> int:
    """Deliver what earlier processes left in a folder of results, of every study.

    Args:
        states: signature -> state of every trial in the ledger.
        timeout: most seconds to take for each study.

    Returns:
        Points, files and final states that could not be delivered; a damaged delivery state counts as one.
    """
    damaged: list[DamagedFile] = []
    parcels = list(Delivery.all(results, damaged.append))
    for error in damaged:
        on_error(str(error))
    pending = len(damaged)
    for experiment in sorted({delivery.experiment for delivery in parcels}):
        uploader = Uploader(Tracker(default_uri(results), experiment, results), on_error)
        for delivery in parcels:
            if delivery.experiment == experiment:
                uploader.take_over(delivery, states)
        pending += uploader.drain(timeout)
    return pending


def _key(trial: TrialRun) -> Key:
    return trial.study, trial.scale, trial.signature


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
