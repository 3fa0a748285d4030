"""A fence keeps a replaced attempt from writing into its trial's folder.

The driver sets the fence before it starts an attempt. Earlier attempts may live on (a stopped process that wakes, a host
that was cut off): they check the fence before they write, and end. A line that they write between their check and the
fence is not read, because the fence also holds the sizes of their metrics logs at that time.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retable.errors import RetableError
from retable.io.sealed import DamagedFile, parse_sealed, write_sealed
from retable.store.formats.layout import TrialFolder
from retable.store.formats.quarantine import quarantine

REMEDY = "run its study again: the next attempt writes a new fence"

log = logging.getLogger(__name__)


class Fenced(RetableError, RuntimeError):
    """An attempt was replaced by a later one and may not write any more."""


@dataclass(frozen=True)
class Fence:
    """The content of a trial's ``fence.json``. The driver writes it.

    Attributes:
        attempt: number of the first attempt that may write; 0 where there is no fence.
        log_bytes: size of each earlier attempt's metrics log, by attempt; what was appended later does not count.
    """

    attempt: int = 0
    log_bytes: Mapping[int, int] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the fence into a trial's folder, sealed, whole or not at all.

        Raises:
            retable.io.files.DiskFull: there is no room.
        """
        sizes = {str(attempt): size for attempt, size in self.log_bytes.items()}
        write_sealed(TrialFolder(folder).fence, {"attempt": self.attempt, "outboxes": sizes})

    @staticmethod
    def read(folder: Path) -> "Fence":
        """The fence of a trial's folder; that of attempt 0 where there is none.

        Raises:
            DamagedFile: the file is damaged.
        """
        path = TrialFolder(folder).fence
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Fence()
        return Fence.parse(content, path)

    @staticmethod
    def parse(content: bytes, name: object) -> "Fence":
        """The fence that a file holds.

        Args:
            name: of the file, for the error.

        Raises:
            DamagedFile: the content is damaged.
        """
        record, _ = parse_sealed(content, name, remedy=REMEDY)
        try:
            sizes = {int(attempt): int(size) for attempt, size in record["outboxes"].items()}
            return Fence(int(record["attempt"]), sizes)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedFile(f"{name} is no fence: {error!r}", remedy=REMEDY) from error


def fence(folder: Path, attempt: int) -> None:
    """Let only this attempt and later ones write into a trial's folder. Calling it twice changes nothing.

    A damaged fence is moved into the folder's quarantine and replaced.

    Args:
        folder: the trial's folder; made if it is missing.
        attempt: the attempt's number in the ledger, from 1.

    Raises:
        Fenced: a later attempt has set its fence already.
    """
    try:
        old = Fence.read(folder)
    except DamagedFile as error:
        place = quarantine(folder, TrialFolder(folder).fence)
        log.warning("%s; it was moved to %s", error.problem, place)
        old = Fence()
    _compare(folder, attempt, old.attempt)
    if attempt > old.attempt:
        logs = TrialFolder(folder).attempts_logged()
        ended = {a: _size(path) for a, path in logs.items() if old.attempt <= a < attempt}
        Fence(attempt, {**ended, **old.log_bytes}).write(folder)


def last_attempt(folder: Path) -> int:
    """The attempt that set a trial's fence, also where the ledger does not know it; 0 without a sound fence."""
    try:
        return Fence.read(folder).attempt
    except DamagedFile:  # `fence` replaces it
        return 0


def check(folder: Path, attempt: int) -> None:
    """Check that an attempt may still write.

    Raises:
        Fenced: it may not.
        DamagedFile: the fence is damaged, so nobody knows.
    """
    _compare(folder, attempt, Fence.read(folder).attempt)


def _compare(folder: Path, attempt: int, first: int) -> None:
    if attempt < first:
        raise Fenced(
            f"attempt {attempt} of trial {folder.name} was replaced by attempt {first} and may not write any more",
            remedy="nothing is to be done: the later attempt goes on from the last checkpoint",
        )


def _size(path: Path) -> int:
    with path.open("rb") as file:  # opening asks a network disk for the size that holds now; stat may not
        return file.seek(0, 2)
