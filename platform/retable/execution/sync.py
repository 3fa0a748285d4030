"""Synchronisation of a folder of results with a URL: the driver's side of `retable.store.mirror`.

The ledger stays a file of the driver's own host, and is copied to the URL whenever an attempt begins or ends, so that a
head that is gone takes nothing with it. One driver at a time: nothing under a URL can be locked.
"""

import hashlib
import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from retable.io.files import replacing, write_bytes, write_text
from retable.io.locks import held
from retable.io.object_store import ObjectStore
from retable.io.periodic import periodic
from retable.planning.plan import PlannedTrial
from retable.store.assignment import Assignment
from retable.store.formats.layout import LEDGER, TRACKING_ID, TRIALS, ResultsFolder
from retable.store.ledger import Ledger
from retable.store.mirror import Mirror
from retable.store.working_copy import local_results

SEEN = ".ledger-seen"
LOCK = ".driver.lock"
FOLLOW_SECONDS = 5.0

log = logging.getLogger(__name__)


def results_folder(url: str) -> Path:
    """This host's copy of the results under a URL: a folder of results like any other, made if it is missing.

    Raises:
        ValueError: no results can live at that URL.
    """
    ObjectStore(url)
    folder = local_results(url)
    write_text(ResultsFolder(folder).storage_url, url.rstrip("/") + "\n")
    return folder


class Storage:
    """Results under a URL and their copy on the driver's host. An observer of an execution.

    Args:
        results: the copy.
    """

    def __init__(self, url: str, results: Path) -> None:
        self.url, self.results = url, results
        self.folder = ResultsFolder(results)
        self.object_store = ObjectStore(url)
        self._mirrors: dict[str, Mirror] = {}
        self._running: dict[str, int] = {}
        self._ledger: Ledger | None = None
        self._saving = threading.Lock()

    @staticmethod
    def of(results: Path) -> "Storage | None":
        """The storage that a folder of results is a copy of; None for a folder that is the results themselves."""
        try:
            url = ResultsFolder(results).storage_url.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return Storage(url, results.resolve())

    def mirror(self, signature: str) -> Mirror:
        """The mirror of a trial on this host."""
        return self._mirrors.setdefault(
            signature, Mirror(self.object_store, self.folder.trial(signature).path)
        )

    def refresh(self, *, checkpoints: bool = False) -> None:
        """Copy the results under the URL to this host: the ledger, unless a driver here works with it, and all trials.

        Args:
            checkpoints: the models too, for figures and longer training.

        Raises:
            OSError: the place does not answer.
        """
        with suppress(BlockingIOError), self._alone():
            self._take_ledger()
        if not self.folder.tracking_id.exists() and self.object_store.size(TRACKING_ID) is not None:
            with replacing(self.folder.tracking_id) as temporary:
                self.object_store.download(TRACKING_ID, temporary)
        names: dict[str, dict[str, int]] = {}
        for name, size in self.object_store.sizes(TRIALS).items():
            _, signature, rest = name.split("/", 2)
            names.setdefault(signature, {})[rest] = size
        for signature, there in sorted(names.items()):
            if checkpoints:
                self.mirror(signature).fetch()
            self.mirror(signature).collect(there)

    @contextmanager
    def driving(self, ledger: Ledger) -> Iterator[None]:
        """Copy a driver's ledger to the URL, and follow its running attempts, while the body runs.

        Raises:
            BlockingIOError: another driver on this host has these results.
        """
        with self._alone():
            self._ledger = ledger
            try:
                with periodic(self._follow, FOLLOW_SECONDS, "storage"):
                    yield
            finally:
                self._save()
                for mirror in self._mirrors.values():
                    mirror.publish()
                self._ledger = None

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
        """Copy the attempt's fence and folder to the URL before its workers start."""
        signature = assignment.trial.signature
        self._save()
        self.mirror(signature).publish()
        self._running[signature] = assignment.attempt

    def gather(self, signature: str) -> None:
        """Copy the files of an attempt that has ended to this host."""
        self.mirror(signature).collect()

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None:
        """Copy the ledger, which has the attempt's end."""
        attempt = self._running.pop(planned.signature, None)
        if attempt is not None:
            self.mirror(planned.signature).retract_stop(attempt)
            self._save()

    def _follow(self) -> None:
        for signature, attempt in list(self._running.items()):
            try:
                self.mirror(signature).follow(attempt)
            except OSError as error:
                log.warning("%s does not answer; what is there comes later: %s", self.url, error)

    def _save(self) -> None:
        """Copy the ledger to the URL."""
        if self._ledger is None:
            return
        with self._saving, replacing(self.results / f"{LEDGER}.copy") as copy:
            self._ledger.copy(copy)
            self.object_store.upload(copy, LEDGER)
            write_text(self.results / SEEN, _digest(copy))
        if self.folder.tracking_id.exists() and self.object_store.size(TRACKING_ID) is None:
            self.object_store.upload(self.folder.tracking_id, TRACKING_ID)

    def _take_ledger(self) -> None:
        """Copy the ledger to this host, if another host has changed it since this one saw it."""
        if self.object_store.size(LEDGER) is None:
            return
        with replacing(self.results / f"{LEDGER}.copy") as copy:
            self.object_store.download(LEDGER, copy)
            digest = _digest(copy)
            if self.folder.ledger.exists() and _read(self.results / SEEN) == digest:
                return
            for beside in ("-wal", "-shm"):
                (self.results / f"{LEDGER}{beside}").unlink(missing_ok=True)
            write_bytes(self.folder.ledger, copy.read_bytes())
            write_text(self.results / SEEN, digest)

    def _alone(self) -> AbstractContextManager[None]:
        """Hold these results on this host, as a driver does."""
        return held(
            self.results / LOCK,
            f"another process works on {self.url} from {self.results}",
            "wait for it or end it",
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
