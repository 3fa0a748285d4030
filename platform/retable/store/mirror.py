"""A trial's folder on one node, and the same folder under a URL, for nodes that share no file system.

Each node works in a folder of its own; what is written there whole is copied to the URL, and what others wrote is copied
from it. Of a checkpoint the payload goes first and the manifest last: without its manifest it is not there. Every file
has one side that writes it: the driver, or rank 0 of the attempt (a failure: the rank that failed).
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from retable.io.cache import cache_folder
from retable.io.files import make_folder, new_folder, replacing, write_bytes
from retable.io.locks import locked
from retable.io.object_store import ObjectStore
from retable.store.assignment import Assignment
from retable.store.fence import OUTBOX, Fence, Fenced, check

DRIVERS = ("fence.json", "config.json", "stop-*", "tracking/*")
"""What the driver writes. The fence is first: from then on an earlier attempt is refused."""
HERE = (".*", "*/.*", "quarantine/*")
"""What stays on its node."""
CHECKPOINTS, MANIFEST = "checkpoints", "manifest.json"
BULK = (f"{CHECKPOINTS}/*", "codes/*")
"""What other trials need and tables do not: it does not come to the driver."""
LAST = ("failure-*", "result.json")
"""What says that an attempt is over goes after all that it speaks of."""
EXCHANGE_SECONDS = 10.0

log = logging.getLogger(__name__)


class Mirror:
    """One trial's folder here and under the URL.

    Args:
        bucket: the place of all results.
        folder: the trial's folder on this node, named by its signature; made when something comes.
    """

    def __init__(self, object_store: ObjectStore, folder: Path) -> None:
        self.object_store, self.folder = object_store, folder
        self._prefix = f"trials/{folder.name}"
        self._sent: dict[str, tuple[int, int]] = {}
        self._complete = False  # whether every checkpoint that was under the URL is here
        self._exchanged = float("-inf")
        self._lock = threading.Lock()

    def fetch(self) -> None:
        """Bring all that is under the URL to this node, before the trial is trained or read here.

        Raises:
            OSError: the place does not answer; what came is whole, and fetching again goes on.
        """
        with locked(self.folder / ".fetching"):  # for the worker group's other ranks on this node
            there = self._there()
            for folder, names in _checkpoints(there).items():
                if not (self.folder / folder).exists():
                    with new_folder(self.folder / folder) as temporary:
                        for name in names:
                            self.object_store.download(self._named(name), temporary / Path(name).name)
            for name, size in there.items():
                if _matches(name, DRIVERS):
                    self._take_drivers(name)
                elif not _matches(name, (f"{CHECKPOINTS}/*", f"{OUTBOX}/*")) and self._size(name) != size:
                    self._download(name)
        self._complete = True

    def push(self, attempt: int) -> None:
        """Copy what this attempt wrote to the URL, and delete the checkpoints there that were pruned here.

        A push that was cut off leaves the checkpoints of the one before; pushing again goes on.

        Raises:
            retable.store.fence.Fenced: the attempt was replaced by a later one.
            OSError: the place does not answer.
        """
        self._take_drivers("fence.json")
        check(self.folder, attempt)
        there = self._there()
        self._send_checkpoints(there)
        ours = [name for name in self._here() if not _matches(name, DRIVERS)]
        for name in sorted(ours, key=lambda name: (_matches(name, LAST), name)):
            self._send(name, there)
        if self._complete:
            here = {path.name for path in (self.folder / CHECKPOINTS).glob("[0-9]*")}
            for folder, names in _checkpoints(there, whole=False).items():
                if Path(folder).name not in here:
                    for name in sorted(names, key=lambda name: not name.endswith(MANIFEST)):
                        self.object_store.delete(self._named(name))

    def push_failure(self, attempt: int) -> None:
        """Copy the failure of this attempt, if this node wrote one; any rank may."""
        name = f"failure-{attempt}.json"
        if (self.folder / name).exists():
            self._send(name, {})

    def exchange(self, attempt: int) -> None:
        """Every few seconds, from rank 0: metrics to the URL, a request to stop and the fence from it.

        A place that does not answer is waited for at the next checkpoint, not here.
        """
        if time.monotonic() - self._exchanged < EXCHANGE_SECONDS:
            return
        try:
            self._send(f"{OUTBOX}/{attempt:06d}.jsonl", {})
            self._take_drivers("fence.json")
            if self.object_store.size(self._named(f"stop-{attempt}")) is not None:
                (self.folder / f"stop-{attempt}").touch()
        except OSError as error:
            log.warning(
                "%s does not answer; the next checkpoint tries again: %s", self.object_store.url, error
            )
        self._exchanged = time.monotonic()

    def publish(self) -> None:
        """The driver's side: copy what it wrote, the fence first, and what it laid into the folder for the attempt.

        Raises:
            OSError: the place does not answer.
        """
        with self._lock:
            there = self._there()
            for pattern in DRIVERS:
                for name in self._here():
                    if fnmatch(name, pattern):
                        self._send(name, {})
            self._send_checkpoints(there)
            for name in self._here():
                if name not in there and not _matches(name, (*DRIVERS, *LAST)):
                    self._send(name, {})

    def follow(self, attempt: int) -> None:
        """The driver's side, while an attempt runs: bring its new metrics, send a request to stop.

        Raises:
            OSError: the place does not answer.
        """
        with self._lock:
            metrics_log = f"{OUTBOX}/{attempt:06d}.jsonl"
            self._append(metrics_log, self.object_store.size(self._named(metrics_log)) or 0)
            self._send(f"stop-{attempt}", {})

    def collect(self, there: Mapping[str, int] | None = None) -> None:
        """The driver's side: bring what attempts wrote, but no checkpoints. Of metrics, what is new.

        Args:
            there: what is in the trial's folder under the URL, where that was just looked at.

        Raises:
            OSError: the place does not answer.
        """
        with self._lock:
            there = self._there() if there is None else there
            for name, size in sorted(there.items(), key=lambda item: _matches(item[0], LAST)):
                if name.startswith(f"{OUTBOX}/"):
                    self._append(name, size)
                elif not _matches(name, (*DRIVERS, *BULK)) and self._size(name) != size:
                    self._download(name)
                elif _matches(name, ("config.json", "tracking/*")) and self._size(name) is None:
                    self._download(name)  # another host's, which is gone

    def retract_stop(self, attempt: int) -> None:
        """The driver's side: the attempt has ended, and its request to stop with it."""
        self.object_store.delete(self._named(f"stop-{attempt}"))

    def _named(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _there(self) -> dict[str, int]:
        """Names in the trial's folder under the URL, with their bytes."""
        return {
            name.removeprefix(f"{self._prefix}/"): size
            for name, size in self.object_store.sizes(self._prefix).items()
        }

    def _here(self) -> list[str]:
        """Names in the trial's folder on this node that may travel, but for checkpoints."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        names = [path.relative_to(self.folder).as_posix() for path in files]
        return [name for name in names if not _matches(name, (*HERE, f"{CHECKPOINTS}/*"))]

    def _size(self, name: str) -> int | None:
        with suppress(FileNotFoundError):
            return (self.folder / name).stat().st_size
        return None

    def _send(self, name: str, there: Mapping[str, int]) -> None:
        """Upload a file that is not there as it is here; without `there`, one that changed since it was sent."""
        path = self.folder / name
        try:
            looks = path.stat()
        except FileNotFoundError:
            return
        state = looks.st_mtime_ns, looks.st_size
        if self._sent.get(name) == state or (there.get(name) == looks.st_size and not _matches(name, LAST)):
            return
        self.object_store.upload(path, self._named(name))
        self._sent[name] = state

    def _send_checkpoints(self, there: Mapping[str, int]) -> None:
        for manifest in sorted((self.folder / CHECKPOINTS).glob(f"[0-9]*/{MANIFEST}")):
            folder = manifest.parent
            names = [f"{CHECKPOINTS}/{folder.name}/{path.name}" for path in folder.iterdir()]
            last = f"{CHECKPOINTS}/{folder.name}/{MANIFEST}"
            if last in there:
                if self.object_store.read(self._named(last)) == manifest.read_bytes():
                    continue
                self.object_store.delete(self._named(last))  # a damaged one, which was made again
            for name in sorted(names, key=lambda name: (name == last, name)):
                self.object_store.upload(self.folder / name, self._named(name))

    def _take_drivers(self, name: str) -> None:
        """Bring a file of the driver's, unless there is none or, of fences, a later one here."""
        with suppress(FileNotFoundError):
            data = self.object_store.read(self._named(name))
            if name != "fence.json" or json.loads(data)["attempt"] >= Fence.of(self.folder).attempt:
                write_bytes(self.folder / name, data)

    def _download(self, name: str) -> None:
        with suppress(FileNotFoundError), replacing(self.folder / name) as temporary:
            self.object_store.download(self._named(name), temporary)

    def _append(self, name: str, size: int) -> None:
        """Bring the end of a file that only grows."""
        have = self._size(name) or 0
        if size > have:
            make_folder((self.folder / name).parent)
            with (self.folder / name).open("ab") as file:
                file.write(self.object_store.read(self._named(name), have))


def _checkpoints(names: Mapping[str, int], *, whole: bool = True) -> dict[str, list[str]]:
    """Folder of each checkpoint -> its files' names; only those with a manifest, if `whole`."""
    folders: dict[str, list[str]] = {}
    for name in names:
        if name.startswith(f"{CHECKPOINTS}/"):
            folders.setdefault(name.rpartition("/")[0], []).append(name)
    return {
        folder: found for folder, found in folders.items() if not whole or f"{folder}/{MANIFEST}" in found
    }


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def local_results(url: str) -> Path:
    """This node's own copy of the results under a URL, in its cache folder."""
    return cache_folder().absolute() / "results" / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]


@contextmanager
def attended(assignment: Assignment, rank: int) -> Iterator[tuple[Assignment, Mirror | None]]:
    """The assignment in this node's own folders, for as long as it is worked on; as it is where nodes share one.

    What the trial needs comes before the body; what it wrote goes after it, also when it fails.

    Raises:
        retable.store.fence.Fenced: the attempt was replaced by a later one.
        OSError: the place does not answer.
    """
    if assignment.storage is None:
        yield assignment, None
        return
    object_store, root = ObjectStore(assignment.storage), local_results(assignment.storage) / "trials"
    for signature in assignment.required:
        Mirror(object_store, root / signature).fetch()
    mirror = Mirror(object_store, root / assignment.trial.signature)
    mirror.fetch()
    if rank == 0:
        mirror.push(assignment.attempt)  # what this node has of an earlier attempt that could not send it
    required = {signature: root / signature for signature in assignment.required}
    try:
        yield replace(assignment, folder=mirror.folder, required=required), mirror
    except BaseException:
        with suppress(OSError, Fenced):  # the body's error is the one to tell
            if rank == 0:
                mirror.push(assignment.attempt)
            mirror.push_failure(assignment.attempt)
        raise
    if rank == 0:
        mirror.push(assignment.attempt)
    mirror.push_failure(assignment.attempt)
