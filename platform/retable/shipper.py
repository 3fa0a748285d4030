"""Delivers trials' outboxes and artifacts to the tracker, from a thread of its own, behind the training.

Training writes into its outbox and never waits. A server that is dead, hung or slow delays what people see and
nothing else: what could not be delivered stays in the trials' folders, and goes out with the next run.
"""

import threading
import time
from collections.abc import Callable, Mapping

from retable.parcel import FOLDER, Parcel
from retable.tracking import ALIVE, Tracker, TrialRun

PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0


class Shipper:
    """The way from the trials' folders to the tracker. Use it as long as the driver lives, then `close` it."""

    def __init__(
        self, tracker: Tracker, on_error: Callable[[str], None], pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        """Start the thread; nothing is contacted before there is a trial.

        Args:
            on_error: told, in the thread, once when deliveries begin to fail and once when they go on.
            pause_seconds: between two looks at the outboxes; doubled at each failure, up to a minute.
        """
        self.tracker, self._on_error, self._pause = tracker, on_error, pause_seconds
        self._parcels: dict[tuple[str, str, str], Parcel] = {}
        self._ledgers: dict[tuple[str, str], Mapping[str, str]] = {}
        self._changed, self._closing = threading.Event(), threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._work, name="shipper", daemon=True)
        self._thread.start()

    def watch(self, trial: TrialRun, state: str | None = None) -> None:
        """Deliver what a trial has written and will write.

        Args:
            state: its final state in the ledger, if it has one already; None if it is being trained.
        """
        parcel = self._parcels.get(_key(trial)) or Parcel.of(trial)
        if state is None:
            parcel.begin(trial)
        else:
            parcel.end(state)
        self.add(parcel)

    def add(self, parcel: Parcel) -> None:
        """Deliver a parcel as it stands."""
        self._parcels[_key(parcel.trial)] = parcel
        self._changed.set()

    def finish(self, signature: str, state: str) -> None:
        """The trial's attempt has ended, and the ledger has its state. Unknown trials are let be."""
        for key, parcel in list(self._parcels.items()):
            if key[2] == signature:
                parcel.end(state)
        self._changed.set()

    def release(self, signature: str) -> None:
        """Another process trains the trial now, and delivers it."""
        for key in list(self._parcels):
            if key[2] == signature:
                del self._parcels[key]

    def reconcile(self, study: str, scale: str, states: Mapping[str, str]) -> None:
        """End the runs of trials that are not running (any more); their driver may have been killed.

        Args:
            states: signature -> state of every trial in the ledger.
        """
        self._ledgers[study, scale] = states
        self._changed.set()

    def pending(self) -> int:
        """Points, files and final states that were not delivered yet."""
        return sum(parcel.pending(self.tracker) for parcel in list(self._parcels.values()))

    def close(self, timeout: float) -> int:
        """Call what is still running stopped, and `drain`."""
        for parcel in list(self._parcels.values()):
            if parcel.state is None:
                parcel.end("stopped")
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

    def _work(self) -> None:
        pause = self._pause
        while True:
            self._changed.wait(pause)
            self._changed.clear()
            closing = self._closing.is_set()  # before the round: the last one sees all that came before
            delivered, failed = self._round(closing)
            if closing and (not failed or not delivered):
                return
            pause = self._pause if delivered or not failed else min(2 * pause, LONGEST_PAUSE_SECONDS)
            if closing:
                pause = 0

    def _round(self, closing: bool) -> tuple[bool, bool]:
        """Deliver what each trial has. Returns whether anything was delivered and whether something failed."""
        delivered = False
        key = None
        try:
            self._reconcile()
            for key, parcel in list(self._parcels.items()):
                delivered |= parcel.deliver(self.tracker)
            if closing:
                self._end_studies()
        except Exception as error:  # noqa: BLE001 - whatever it is: training goes on, and so must this thread
            self._failed(error)
            if key in self._parcels:  # the others go first next time: the fault may be this trial's alone
                self._parcels[key] = self._parcels.pop(key)
            return delivered, True
        if self._failing:
            self._failing = False
            self._on_error(f"MLflow at {self.tracker.place} takes everything again.")
        return delivered, False

    def _reconcile(self) -> None:
        for (study, scale), states in list(self._ledgers.items()):
            here = {p.trial.signature: p.state or "running" for p in self._parcels_of(study, scale)}
            self.tracker.reconcile(study, scale, {**states, **here}, _now_ms())
            if self._ledgers.get((study, scale)) is states:
                del self._ledgers[study, scale]

    def _end_studies(self) -> None:
        for study, scale in {(study, scale) for study, scale, _ in list(self._parcels)}:
            states = [parcel.state for parcel in self._parcels_of(study, scale)]
            final = [state for state in states if state is not None]
            if len(final) == len(states):
                self.tracker.end_study(study, scale, final, _now_ms())

    def _parcels_of(self, study: str, scale: str) -> list[Parcel]:
        return [parcel for key, parcel in list(self._parcels.items()) if key[:2] == (study, scale)]

    def _failed(self, error: Exception) -> None:
        if self._failing:
            return
        self._failing = True
        reason = self.tracker.redacted(f"{type(error).__name__}: {error}".splitlines()[0])[:300]
        self._on_error(
            f"MLflow at {self.tracker.place} does not take everything ({reason}). Training goes on; what is not "
            "delivered stays in the trials' folders and goes out when it answers, or with the next run."
        )


def ship_all(
    tracker: Tracker,
    states: Mapping[str, str],
    on_error: Callable[[str], None],
    timeout: float,
) -> int:
    """Deliver what earlier runs left in the tracker's folder of results. Needs no study.

    Args:
        states: signature -> state of every trial in the ledger.
        timeout: most seconds to take.

    Returns:
        Points, files and final states that could not be delivered.
    """
    shipper = Shipper(tracker, on_error)
    for path in sorted(tracker.results.glob(f"trials/*/{FOLDER}/*.json")):
        parcel = Parcel.load(path)
        state = states.get(parcel.trial.signature, "stopped")
        if parcel.state is None and state not in ALIVE:
            parcel.end(state)
        shipper.add(parcel)
    return shipper.drain(timeout)


def _key(trial: TrialRun) -> tuple[str, str, str]:
    return trial.study, trial.scale, trial.signature


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
