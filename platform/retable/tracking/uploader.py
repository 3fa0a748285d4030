"""Uploads trials' metrics logs and artifacts to the tracker, from a thread of its own.

Training appends to its metrics log and never waits. A server that is dead, hung or slow delays the display and nothing
else: undelivered metrics and files stay in the trials' folders, and are delivered by the next run.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from retable.io.sealed import DamagedFile
from retable.tracking.delivery import Delivery
from retable.tracking.mlflow import ALIVE, Tracker
from retable.tracking.runs import TrialRun, default_uri

PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0
PATIENCE = 3  # rounds without a delivery after which the uploader gives up, once it is closing

Key = tuple[str, str, str]  # study, scale, signature


class Uploader:
    """Uploads trials' folders to the tracker in a thread. Keep it as long as the driver lives, then `close` it."""

    def __init__(
        self, tracker: Tracker, on_error: Callable[[str], None], pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        """Start the thread; nothing is contacted before there is a trial.

        Args:
            on_error: called in the thread with a message, once when deliveries keep failing and once when they resume.
            pause_seconds: seconds between two rounds; doubled at each failure, up to a minute.
        """
        self.tracker, self._on_error, self._pause = tracker, on_error, pause_seconds
        self._deliveries: dict[Key, Delivery] = {}
        self._ledgers: dict[tuple[str, str], Mapping[str, str]] = {}
        self._changed, self._closing = threading.Event(), threading.Event()
        self._failures = 0  # in this round
        self._bad_rounds = 0  # in a row
        self._reason = ""  # of the last failure
        self._thread = threading.Thread(target=self._work, name="uploader", daemon=True)
        self._thread.start()

    def watch(self, trial: TrialRun, state: str | None = None) -> None:
        """Deliver the metrics and files that a trial has written and will write.

        Args:
            state: the trial's final state in the ledger; None while it is being trained.
        """
        delivery = self._deliveries.get(_key(trial)) or Delivery.of(trial, self.tracker.experiment)
        if state is None:
            delivery.begin(trial)
        else:
            delivery.end(state)
        self._add(delivery)

    def finish(self, signature: str, state: str, tags: Mapping[str, str] | None = None) -> None:
        """Deliver the final state of a trial whose attempt has ended. Unknown trials are ignored.

        Args:
            tags: tags known only now, such as the protocols of its scores.
        """
        for key, delivery in list(self._deliveries.items()):
            if key[2] == signature:
                delivery.end(state, tags)
        self._changed.set()

    def release(self, signature: str) -> None:
        """Stop delivering a trial, since another process trains and delivers it now."""
        for key in list(self._deliveries):
            if key[2] == signature:
                del self._deliveries[key]

    def reconcile(self, study: str, scale: str, states: Mapping[str, str]) -> None:
        """Update the tracker to the ledger after earlier processes, which may have been killed.

        Their undelivered metrics and files of the study's trials are delivered. Runs whose trial no longer runs are ended.

        Args:
            states: state by signature of every trial in the ledger.
        """
        for delivery in Delivery.all(self.tracker.results):
            if (delivery.trial.study, delivery.trial.scale) == (study, scale):
                self.take_over(delivery, states)
        self._ledgers[study, scale] = states
        self._changed.set()

    def take_over(self, delivery: Delivery, states: Mapping[str, str]) -> None:
        """Continue an earlier process's delivery, unless the trial is being trained: then its own driver delivers."""
        state = delivery.state or states.get(delivery.trial.signature, "stopped")
        if _key(delivery.trial) not in self._deliveries and state not in ALIVE:
            delivery.end(state)
            self._add(delivery)

    def pending(self) -> int:
        """Number of points, files and final states that are not delivered yet."""
        return sum(delivery.pending(self.tracker) for delivery in list(self._deliveries.values()))

    def close(self, timeout: float) -> int:
        """Mark running trials as stopped, and `drain`."""
        for delivery in list(self._deliveries.values()):
            if delivery.state is None:
                delivery.end("stopped")
        return self.drain(timeout)

    def drain(self, timeout: float) -> int:
        """Deliver everything, then end the studies' runs and the thread.

        Args:
            timeout: timeout in seconds; a server that accepts nothing is given up earlier.

        Returns:
            `pending`.
        """
        self._closing.set()
        self._changed.set()
        self._thread.join(timeout)
        return self.pending()

    def _add(self, delivery: Delivery) -> None:
        self._deliveries[_key(delivery.trial)] = delivery
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
        """Deliver the new points and files of each trial. Returns True if there were any."""
        self._failures, before = 0, self._delivered
        for key, delivery in list(self._deliveries.items()):
            with self._failures_counted():
                delivery.deliver(self.tracker)
                continue
            if key in self._deliveries:
                self._deliveries[key] = self._deliveries.pop(key)  # the next round begins with the others
            if self._failures == 2:
                break  # the server is at fault, not one trial
        else:
            with self._failures_counted():
                self._reconcile()
                if closing:
                    self._end_studies()
        self._report_outage()
        return self._delivered > before

    @property
    def _delivered(self) -> int:
        return sum(delivery.delivered for delivery in list(self._deliveries.values()))

    @contextmanager
    def _failures_counted(self) -> Iterator[None]:
        """A block in which errors are counted and not raised: this thread must go on, as training does."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - counted, reported, and tried again
            self._failures += 1
            self._reason = self.tracker.redacted(f"{type(error).__name__}: {error}".splitlines()[0])[:300]

    def _report_outage(self) -> None:
        """Report an outage and its end to the user. One failed call is not reported: it is tried again."""
        if self._failures:
            self._bad_rounds += 1
            if self._bad_rounds == 2:
                self._on_error(
                    f"MLflow at {self.tracker.place} does not accept everything ({self._reason}). Training goes on; "
                    "undelivered metrics and files stay in the trials' folders. They are delivered when it answers, or by "
                    "the next run."
                )
        elif self._bad_rounds:
            if self._bad_rounds > 1:
                self._on_error(f"MLflow at {self.tracker.place} accepts everything again.")
            self._bad_rounds = 0

    def _reconcile(self) -> None:
        for (study, scale), states in list(self._ledgers.items()):
            here = {one.trial.signature: one.state or "running" for one in self._deliveries_of(study, scale)}
            self.tracker.reconcile(study, scale, {**states, **here}, _now_ms())
            if self._ledgers.get((study, scale)) is states:
                del self._ledgers[study, scale]

    def _end_studies(self) -> None:
        for study, scale in {(study, scale) for study, scale, _ in list(self._deliveries)}:
            states = [delivery.state for delivery in self._deliveries_of(study, scale)]
            final = [state for state in states if state is not None]
            if len(final) == len(states):
                self.tracker.end_study(study, scale, final, _now_ms())

    def _deliveries_of(self, study: str, scale: str) -> list[Delivery]:
        return [delivery for key, delivery in list(self._deliveries.items()) if key[:2] == (study, scale)]


def upload_all(
    results: Path, states: Mapping[str, str], on_error: Callable[[str], None], timeout: float
) -> int:
    """Deliver the undelivered metrics and files of all studies in a folder of results.

    Args:
        states: state by signature of every trial in the ledger.
        timeout: timeout in seconds for each study.

    Returns:
        Number of points, files and final states that could not be delivered; a damaged delivery state counts as one.
    """
    damaged: list[DamagedFile] = []
    deliveries = list(Delivery.all(results, damaged.append))
    for error in damaged:
        on_error(str(error))
    pending = len(damaged)
    for experiment in sorted({delivery.experiment for delivery in deliveries}):
        uploader = Uploader(Tracker(default_uri(results), experiment, results), on_error)
        for delivery in deliveries:
            if delivery.experiment == experiment:
                uploader.take_over(delivery, states)
        pending += uploader.drain(timeout)
    return pending


def _key(trial: TrialRun) -> Key:
    return trial.study, trial.scale, trial.signature


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
