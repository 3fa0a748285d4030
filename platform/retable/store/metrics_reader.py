"""Reads the metrics logs of a trial while they are written: attempt after attempt, each point once."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retable.io.sealed import DamagedFile
from retable.store.fence import Fence
from retable.store.formats.layout import TrialFolder
from retable.store.formats.metrics_record import Kind, MetricsRecord

CHUNK = 1 << 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Point:
    """One metric at one iteration.

    Attributes:
        value: None where it was not finite; `flag` then says what it was.
        flag: ``nan``, ``inf`` or ``-inf``; empty where the value is finite.
        time_ms: when it was written, in milliseconds of UTC since 1970.
        attempt: the attempt that wrote it.
    """

    key: str
    iteration: int
    value: float | None
    flag: str
    time_ms: int
    kind: Kind
    attempt: int


@dataclass(frozen=True, slots=True)
class Unread:
    """Bytes that hold no whole record: damage, or the line that the newest attempt is just writing."""

    attempt: int
    offset: int
    size: int


@dataclass(frozen=True)
class Position:
    """The place of a reader in a trial's metrics logs. Keep `to_json` beside what was made of the points.

    Attributes:
        attempt: whose metrics log is being read.
        offset: bytes of it that were read.
        seen: metric -> its last iteration that was returned.
        unread: damage so far, and the end of the log where it is no whole line (yet).
    """

    attempt: int = 0
    offset: int = 0
    seen: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(saved: Mapping[str, Any]) -> "Position":
        """The position that `to_json` gave, also after a round trip through JSON."""
        return Position(
            saved["attempt"],
            saved["offset"],
            dict(saved["seen"]),
            tuple(Unread(**unread) for unread in saved["unread"]),
        )


def read(
    folder: Path, after: Position | None = None, *, limit: int | None = None
) -> tuple[list[Point], Position]:
    """The points that were written since a position, attempt after attempt, each (metric, iteration) once.

    A later attempt repeats iterations that an earlier one had done since its last checkpoint: the first point counts, and
    one at or before the last of its metric is a repetition. What a replaced attempt writes after its successor's fence
    does not count; where the fence is damaged, all of it does. Damaged lines are passed over and reported in
    `Position.unread`.

    Args:
        folder: the trial's folder; without metrics logs there are no points.
        after: where the last reading ended; None for the beginning.
        limit: stop soon after that many points.

    Returns:
        The points, none if there is nothing new, and the position for the next reading.
    """
    reader = _Reader(folder, after or Position())
    while (limit is None or len(reader.points) < limit) and reader.advance():
        pass
    return reader.points, reader.position()


class _Reader:
    def __init__(self, folder: Path, after: Position) -> None:
        self.folder, self.attempt, self.offset = TrialFolder(folder), after.attempt, after.offset
        self.seen = dict(after.seen)
        here = (after.attempt, after.offset)
        self.unread = [unread for unread in after.unread if (unread.attempt, unread.offset) < here]
        self.rest = 0
        self.points: list[Point] = []

    def position(self) -> Position:
        rest = [Unread(self.attempt, self.offset, self.rest)] if self.rest else []
        return Position(self.attempt, self.offset, self.seen, (*self.unread, *rest))

    def advance(self) -> bool:
        """Read the next whole lines, or go over to the next attempt; False if there is nothing now."""
        files = self.folder.attempts_logged()
        ended = self.attempt < max([self._fence().attempt, *files])  # before reading: nothing is missed
        data = self._chunk(files.get(self.attempt))
        fence = self._fence()  # after reading: nothing slips past
        if self.attempt < fence.attempt:
            data = data[: max(0, fence.log_bytes.get(self.attempt, 0) - self.offset)]
        whole = data.rfind(b"\n") + 1
        self.rest = len(data) - whole
        for line in data[:whole].splitlines(keepends=True):
            self._take(line)
        later = [attempt for attempt in files if attempt > self.attempt]
        if not whole and ended and later:
            self._pass_over(self.rest)
            self.attempt, self.offset, self.rest = later[0], 0, 0
            return True
        return bool(whole)

    def _fence(self) -> Fence:
        try:
            return Fence.read(self.folder.path)
        except DamagedFile as error:  # a display or a forecast must not end for it; the next attempt mends it
            log.warning("%s", error)
            return Fence()

    def _chunk(self, path: Path | None) -> bytes:
        if path is None:
            return b""
        with path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(CHUNK)
            while b"\n" not in data and (more := file.read(len(data))):
                data += more
            return data

    def _take(self, line: bytes) -> None:
        try:
            record = MetricsRecord.parse(line)
        except ValueError:
            self._pass_over(len(line))
        else:
            for key, value in record.values.items():
                if record.iteration > self.seen.get(key, -1):
                    self.points.append(
                        Point(
                            key,
                            record.iteration,
                            value,
                            record.flags.get(key, ""),
                            record.time_ms,
                            record.kind,
                            self.attempt,
                        )
                    )
                    self.seen[key] = record.iteration
        self.offset += len(line)

    def _pass_over(self, size: int) -> None:
        last = self.unread[-1] if self.unread else Unread(-1, 0, 0)
        if (last.attempt, last.offset + last.size) == (self.attempt, self.offset):
            self.unread[-1] = Unread(last.attempt, last.offset, last.size + size)
        elif size:
            self.unread.append(Unread(self.attempt, self.offset, size))
