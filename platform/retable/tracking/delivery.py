"""The delivery of one trial to the tracker: its metrics, artifacts, tags and final state.

The metrics logs and the artifacts stay where they are. A file in the trial's folder records how far they were delivered, and to
which tracker. A repeated delivery is harmless, so the file is written after each delivery, never before.
"""

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

from retable.io.sealed import DamagedFile
from retable.store import metrics_log
from retable.store.formats.layout import ResultsFolder
from retable.store.formats.quarantine import quarantine
from retable.tracking.mlflow import Tracker
from retable.tracking.runs import TrialRun
from retable.tracking.state import DeliveryState

BATCH = 1000
SMALLEST_BATCH = 20

log = logging.getLogger(__name__)


def _warn(error: DamagedFile) -> None:
    log.warning("%s", error)


class Delivery:
    """The delivery of one trial of one study to the tracker. One thread delivers; any may record states.

    Attributes:
        state: the trial's final state in the ledger; None while it is being trained.
        delivered: number of points, files and final states delivered by this process.
    """

    def __init__(self, trial: TrialRun, experiment: str, saved: DeliveryState | None = None) -> None:
        self.trial, self.experiment, self._lock = trial, experiment, Lock()
        saved = saved or DeliveryState(
            experiment=experiment,
            trial=trial,
            training=secrets.token_hex(8),
            state=None,
            start_ms=_now_ms(),
            end_ms=_now_ms(),
        )
        self.training = saved.training
        self.state = saved.state
        self.delivered = 0
        self._start_ms = saved.start_ms
        self._end_ms = saved.end_ms
        self._place = saved.place
        self._run_id = saved.run_id
        self._position = saved.position
        self._unsent: list[metrics_log.Point] = []  # of those between _position and _next
        self._next = self._position
        self._batch = BATCH
        self._files = dict(saved.files)
        self._ended = saved.ended
        self._opened = False  # True once this process has opened the tracker's run, until a failure
        self._looked: dict[str, tuple[int, int]] = {}

    @property
    def run_id(self) -> str:
        """The tracker's id of the trial's run; empty before the run exists."""
        return self._run_id or ""

    @staticmethod
    def of(trial: TrialRun, experiment: str) -> "Delivery":
        """The delivery of that trial: an earlier process's, or a new one.

        A damaged state is moved into the trial's quarantine, and all of the trial is delivered again.
        """
        path = DeliveryState.path(trial)
        try:
            saved = DeliveryState.read(path)
        except FileNotFoundError:
            return Delivery(trial, experiment)
        except DamagedFile as error:
            log.warning("%s; it was moved to %s", error.problem, quarantine(trial.folder, path))
            return Delivery(trial, experiment)
        if not trial.attempt:
            trial = replace(trial, attempt=saved.trial.attempt)
        return Delivery(trial, experiment, saved)

    @staticmethod
    def runs(results: Path, study: str, scale: str) -> dict[str, str]:
        """The tracker's run ids of a study's trials at a scale, as last delivered, by signature."""
        deliveries = (
            one for one in Delivery.all(results) if (one.trial.study, one.trial.scale) == (study, scale)
        )
        return {one.trial.signature: one.run_id for one in deliveries}

    @staticmethod
    def all(results: Path, on_damaged: Callable[[DamagedFile], None] = _warn) -> Iterator["Delivery"]:
        """The deliveries of earlier processes in a folder of results. The folder may have been moved.

        Args:
            on_damaged: called with the error of each damaged state; the others are delivered.
        """
        for folder in ResultsFolder(results).trial_folders():
            for path in sorted(folder.tracking.glob("*.json")):
                try:
                    saved = DeliveryState.read(path)
                except DamagedFile as error:
                    on_damaged(error)
                    continue
                yield Delivery(saved.trial, saved.experiment, saved)

    def begin(self, trial: TrialRun) -> None:
        """Record that the trial is being trained, for the first time or again."""
        self._record(trial, None)

    def end(self, state: str, tags: Mapping[str, str] | None = None) -> None:
        """Record the trial's final state in the ledger. A second call changes nothing."""
        self._record(replace(self.trial, tags={**self.trial.tags, **(tags or {})}), state)

    def _record(self, trial: TrialRun, state: str | None) -> None:
        with self._lock:
            if (trial, state) == (self.trial, self.state) and DeliveryState.path(trial).exists():
                return
            if state != self.state:
                self._end_ms = _now_ms()
            self.trial, self.state = trial, state
            self._opened = self._ended = False
            self._save()

    def deliver(self, tracker: Tracker) -> None:
        """Deliver all new points, files and states, and count them in `delivered`.

        Raises:
            Exception: any error of the tracker; earlier deliveries are recorded.
        """
        if self._opened and self._ended:
            return
        state = self.state  # read first: a final state comes after all points and files
        if not self._opened:
            self._open(tracker)
        assert self._run_id is not None
        try:
            self._send_points(tracker, self._run_id)
            self._send_files(tracker, self._run_id)
            if state is not None and not self._ended:
                self._send_end(tracker, self._run_id, state)
        except Exception:
            self._opened = False  # the run may have been deleted: open it again
            raise

    def pending(self, tracker: Tracker) -> int:
        """Number of points and files to be delivered to that tracker, plus one for a final state."""
        here = self._place == _place(tracker)
        unsent = list(self._unsent)
        points, _ = metrics_log.read(
            self.trial.folder, (self._next if unsent else self._position) if here else None
        )
        known = self._files if here else {}
        files = sum(known.get(file) != _digest(self.trial.folder / file) for file in self._artifacts())
        return (
            len(points) + len(unsent) * here + files + (self.state is not None and not (here and self._ended))
        )

    def _open(self, tracker: Tracker) -> None:
        here, recorded = _place(tracker), (self.trial, self.state)
        run_id = tracker.open(
            self.trial,
            self.training,
            known=self._run_id if self._place == here else None,
            start_ms=self._start_ms,
            running=self.state is None,
        )
        with self._lock:
            if (self._place, self._run_id) != (here, run_id):  # a new run: all of it again
                self._position, self._files, self._unsent = metrics_log.Position(), {}, []
                self._looked.clear()
                self._ended = False
            self._place, self._run_id = here, run_id
            self._opened = recorded == (self.trial, self.state)  # it may have begun or ended meanwhile
            self._save()

    def _send_end(self, tracker: Tracker, run_id: str, state: str) -> None:
        if unread := sum(unread.size for unread in self._position.unread):
            tracker.tag(run_id, "unreadable_bytes", str(unread))
        tracker.end(self.trial, run_id, state, self._end_ms)
        with self._lock:
            self._ended = state == self.state
            self._save()
        self.delivered += 1

    def _send_points(self, tracker: Tracker, run_id: str) -> None:
        while True:
            if not self._unsent:
                self._unsent, self._next = metrics_log.read(self.trial.folder, self._position, limit=BATCH)
                if not self._unsent:
                    return
            while self._unsent:
                batch = self._unsent[: self._batch]
                self._batch = max(self._batch // 2, SMALLEST_BATCH)  # for a slow server, if this batch fails
                tracker.log(run_id, batch)
                self._batch = min(len(batch) * 2, BATCH)
                del self._unsent[: len(batch)]
                self.delivered += len(batch)
            with self._lock:
                self._position = self._next
                self._save()

    def _send_files(self, tracker: Tracker, run_id: str) -> None:
        for file in self._artifacts():
            path = self.trial.folder / file
            looks = path.stat()
            if self._looked.get(file) == (looks.st_mtime_ns, looks.st_size):
                continue
            digest = _digest(path)
            if self._files.get(file) != digest:
                tracker.upload(run_id, self.trial.folder, file)
                with self._lock:
                    self._files[file] = digest
                    self._save()
                self.delivered += 1
            self._looked[file] = (looks.st_mtime_ns, looks.st_size)

    def _artifacts(self) -> list[str]:
        """The existing artifacts, relative to the trial's folder."""
        folder = self.trial.folder
        found = {path for pattern in self.trial.artifacts for path in folder.glob(pattern) if path.is_file()}
        return sorted(path.relative_to(folder).as_posix() for path in found)

    def _save(self) -> None:
        DeliveryState(
            experiment=self.experiment,
            trial=self.trial,
            training=self.training,
            state=self.state,
            start_ms=self._start_ms,
            end_ms=self._end_ms,
            place=self._place,
            run_id=self._run_id,
            position=self._position,
            files=self._files,
            ended=self._ended,
        ).write()


def _place(tracker: Tracker) -> str:
    """A hash of the server and the experiment; not their names, since a URI may hold a password."""
    return hashlib.sha256(os.fsencode(f"{tracker.uri}\n{tracker.experiment}")).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
