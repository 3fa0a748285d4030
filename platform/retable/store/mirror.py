"""Copies a trial's folder between a node and a URL, for nodes that share no file system.

Each node works in a folder of its own; what is written there whole is copied to the URL, and what others wrote is copied
from it. Of a checkpoint the payload goes first and the manifest last: without its manifest it is not there. Every file
has one side that writes it: the driver, or rank 0 of the attempt (a failure: the rank that failed).
"""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from retable.io.files import make_folder, new_folder, replacing, write_bytes
from retable.io.locks import locked
from retable.io.object_store import ObjectStore
from retable.io.sealed import DamagedFile
from retable.store.fence import Fence, check
from retable.store.formats.layout import (
    CHECKPOINTS,
    CONFIG,
    FAILURES,
    FENCE,
    MANIFEST,
    METRICS_LOGS,
    QUARANTINE,
    RESULT,
    STOP_REQUESTS,
    TRACKING,
    TRIALS,
    TrialFolder,
    metrics_log_name,
)

DRIVERS = (FENCE, CONFIG, STOP_REQUESTS, f"{TRACKING}/*")
"""Files that the driver writes. The fence is first: from then on an earlier attempt is refused."""
HERE = (".*", "*/.*", f"{QUARANTINE}/*")
"""Files that stay on their node."""
BULK = (f"{CHECKPOINTS}/*", "codes/*")
"""Files that other trials need and tables do not: they are not copied to the driver."""
LAST = (FAILURES, RESULT)
"""Files that end an attempt, which are copied after all that they speak of."""
EXCHANGE_SECONDS = 10.0

log = logging.getLogger(__name__)


class Mirror:
    """One trial's folder on this node and under the URL.

    Args:
        object_store: the place of all results.
        folder: the trial's folder on this node, named by its signature; made when something is copied into it.
    """

    def __init__(self, object_store: ObjectStore, folder: Path) -> None:
        self.object_store, self.folder = object_store, folder
        self._prefix = f"{TRIALS}/{folder.name}"
        self._sent: dict[str, tuple[int, int]] = {}
        self._complete = False  # whether every checkpoint that was under the URL is here
        self._exchanged = float("-inf")
        self._lock = threading.Lock()

    def fetch(self) -> None:
        """Copy all that is under the URL to this node, before the trial is trained or read here.

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
                if name == FENCE:
                    self._take_fence()
                elif _matches(name, DRIVERS):
                    with suppress(FileNotFoundError):
                        write_bytes(self.folder / name, self.object_store.read(self._named(name)))
                elif (
                    not _matches(name, (f"{CHECKPOINTS}/*", f"{METRICS_LOGS}/*")) and self._size(name) != size
                ):
                    self._download(name)
        self._complete = True

    def push(self, attempt: int) -> None:
        """Copy what this attempt wrote to the URL, and delete the checkpoints there that were pruned here.

        A push that was cut off leaves the checkpoints of the one before; pushing again goes on.

        Raises:
            retable.store.fence.Fenced: the attempt was replaced by a later one.
            OSError: the place does not answer.
        """
        self._take_fence()
        check(self.folder, attempt)
        there = self._there()
        self._send_checkpoints(there)
        ours = [name for name in self._here() if not _matches(name, DRIVERS)]
        for name in sorted(ours, key=lambda name: (_matches(name, LAST), name)):
            self._send(name, there)
        if self._complete:
            here = {path.name for path in TrialFolder(self.folder).checkpoints_saved().values()}
            for folder, names in _checkpoints(there, whole=False).items():
                if Path(folder).name not in here:
                    for name in sorted(names, key=lambda name: not name.endswith(MANIFEST)):
                        self.object_store.delete(self._named(name))

    def push_failure(self, attempt: int) -> None:
        """Copy the failure of this attempt, if this node wrote one; any rank may."""
        path = TrialFolder(self.folder).failure(attempt)
        if path.exists():
            self._send(path.name, {})

    def exchange(self, attempt: int) -> None:
        """Every few seconds, from rank 0: metrics to the URL, a request to stop and the fence from it.

        A place that does not answer is waited for at the next checkpoint, not here.
        """
        if time.monotonic() - self._exchanged < EXCHANGE_SECONDS:
            return
        try:
            self._send(metrics_log_name(attempt), {})
            self._take_fence()
            stop_request = TrialFolder(self.folder).stop_request(attempt)
            if self.object_store.size(self._named(stop_request.name)) is not None:
                stop_request.touch()
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
        """The driver's side, while an attempt runs: copy its new metrics here, and a request to stop there.

        Raises:
            OSError: the place does not answer.
        """
        with self._lock:
            metrics_log = metrics_log_name(attempt)
            self._append(metrics_log, self.object_store.size(self._named(metrics_log)) or 0)
            self._send(TrialFolder(self.folder).stop_request(attempt).name, {})

    def collect(self, there: Mapping[str, int] | None = None) -> None:
        """The driver's side: copy what attempts wrote, but no checkpoints, and of metrics logs what is new.

        Args:
            there: what is in the trial's folder under the URL, where that was just looked at.

        Raises:
            OSError: the place does not answer.
        """
        with self._lock:
            there = self._there() if there is None else there
            for name, size in sorted(there.items(), key=lambda item: _matches(item[0], LAST)):
                if name.startswith(f"{METRICS_LOGS}/"):
                    self._append(name, size)
                elif not _matches(name, (*DRIVERS, *BULK)) and self._size(name) != size:
                    self._download(name)
                elif _matches(name, (CONFIG, f"{TRACKING}/*")) and self._size(name) is None:
                    self._download(name)  # another host's, which is gone

    def retract_stop(self, attempt: int) -> None:
        """The driver's side: the attempt has ended, and its request to stop with it."""
        self.object_store.delete(self._named(TrialFolder(self.folder).stop_request(attempt).name))

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
        for folder in reversed(TrialFolder(self.folder).checkpoints_saved().values()):
            if not (manifest := folder / MANIFEST).exists():
                continue
            names = [f"{CHECKPOINTS}/{folder.name}/{path.name}" for path in folder.iterdir()]
            last = f"{CHECKPOINTS}/{folder.name}/{MANIFEST}"
            if last in there:
                if self.object_store.read(self._named(last)) == manifest.read_bytes():
                    continue
                self.object_store.delete(self._named(last))  # a damaged one, which was made again
            for name in sorted(names, key=lambda name: (name == last, name)):
                self.object_store.upload(self.folder / name, self._named(name))

    def _take_fence(self) -> None:
        """Copy the fence to this node, unless there is none or this node has a later one."""
        with suppress(FileNotFoundError):
            data = self.object_store.read(self._named(FENCE))
            try:
                here = Fence.read(self.folder).attempt
            except DamagedFile:
                here = 0
            if Fence.parse(data, f"{self.object_store.url}/{self._named(FENCE)}").attempt >= here:
                write_bytes(TrialFolder(self.folder).fence, data)

    def _download(self, name: str) -> None:
        with suppress(FileNotFoundError), replacing(self.folder / name) as temporary:
            self.object_store.download(self._named(name), temporary)

    def _append(self, name: str, size: int) -> None:
        """Copy the end of a file that only grows."""
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
