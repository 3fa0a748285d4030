"""A trial's metrics on their way to the tracker: one append-only file an attempt, read while it is written.

Training never waits for a tracker: rank 0 appends here, and a shipper reads behind it from a `Position` of its own.
"""

import math
import operator
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

from retable.io.files import make_folder, room_for, seal, sync, unseal, write_bytes
from retable.store.fence import OUTBOX, Fence, check, outboxes

Kind = Literal["train", "evaluation"]

SYNC_SECONDS = 1.0  # a power cut loses at most about that much; a killed process loses nothing
CHUNK = 1 << 20


class MetricsLog:
    """Where one attempt writes its metrics. Only rank 0 opens it.

    Args:
        folder: the trial's folder.
        attempt: the attempt's number in the ledger.

    Raises:
        Fenced: the attempt was replaced by a later one.
    """

    def __init__(self, folder: Path, attempt: int) -> None:
        check(folder, attempt)
        make_folder(folder / OUTBOX)
        self.folder, self.attempt = folder, attempt
        self._file = (folder / OUTBOX / f"{attempt:06d}.jsonl").open("a+b", buffering=0)
        sync(folder / OUTBOX)
        self._torn = self._file.tell() > 0 and (self._file.seek(-1, 2), self._file.read(1))[1] != b"\n"
        self._synced = time.monotonic()
        self._last: dict[str, int] = {}

    def write(self, iteration: int, metrics: Mapping[str, float], *, kind: Kind = "train") -> None:
        """Append the metrics of an iteration. Readers see them at once.

        Args:
            iteration: generator updates so far, from 0.
            metrics: by name; one that is not finite is kept as such and never as a number.

        Raises:
            Fenced: the attempt was replaced by a later one.
            ValueError: the iteration is below 0, or below the last one of a metric in it.
            DiskFull: there is no room; nothing that counts was written, and writing again is safe.
        """
        check(self.folder, self.attempt)
        last = max((self._last.get(key, 0) for key in metrics), default=0)
        if iteration < last:
            raise ValueError(
                f"iterations must not decrease, but {sorted(metrics)} got {iteration} after {last}"
            )
        values = {key: float(value) for key, value in metrics.items()}
        line = seal(
            {
                "iteration": operator.index(iteration),
                "kind": kind,
                "time_ms": time.time_ns() // 1_000_000,
                "metrics": {key: value if math.isfinite(value) else None for key, value in values.items()},
                "flags": {key: str(value) for key, value in values.items() if not math.isfinite(value)},
            }
        )
        line = b"\n" + line if self._torn else line  # ends what was left of a line before
        with room_for(len(line), self.folder):
            self._torn = True
            while line:
                line = line[self._file.write(line) :]
            self._torn = False
        self._last.update(dict.fromkeys(metrics, iteration))
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Wait until everything written is on the disk. Do so before a checkpoint: it says that this was done."""
        sync(Path(self._file.name))
        self._synced = time.monotonic()

    def close(self) -> None:
        """Flush and close; a closed one may be closed again."""
        if not self._file.closed:
            self.flush()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
    """How far a reader is. Keep `to_json` beside what was made of the points.

    Attributes:
        attempt: whose file is being read.
        offset: bytes of it that were read.
        seen: key -> the last iteration of it that was given out.
        unread: what was passed over so far, and the end of the file where it is not a whole line (yet).
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
    """The points that were written since a position, attempt after attempt, each (key, iteration) once.

    A later attempt repeats iterations that an earlier one had done since its last checkpoint: the first word counts,
    and a point at or before the last one of its key is a repetition. What a replaced attempt writes after the fence
    went up does not count. Damaged lines are passed over and reported in `Position.unread`.

    Args:
        folder: the trial's folder; without an outbox there are no points.
        after: where the last reading ended; None for the beginning.
        limit: stop soon after that many points.

    Returns:
        The points, none if there is nothing new, and where the next reading goes on.
    """
    reader = _Reader(folder, after or Position())
    while (limit is None or len(reader.points) < limit) and reader.advance():
        pass
    return reader.points, reader.position()


def inherit(source: Path, folder: Path, *, until: int) -> None:
    """Give a trial's outbox what another trial wrote up to an iteration, as that of an attempt 0.

    To be done before the first attempt's fence goes up, which says that it counts.

    Args:
        source: the other trial's folder.
        folder: the folder of the trial that goes on.
        until: the last iteration that both have in common.
    """
    lines: dict[tuple[int, str, int], dict[str, Point]] = {}
    for point in read(source)[0]:
        if point.iteration <= until:
            lines.setdefault((point.time_ms, point.kind, point.iteration), {})[point.key] = point
    records = [
        seal(
            {
                "iteration": iteration,
                "kind": kind,
                "time_ms": time_ms,
                "metrics": {key: point.value for key, point in points.items()},
                "flags": {key: point.flag for key, point in points.items() if point.flag},
            }
        )
        for (time_ms, kind, iteration), points in lines.items()
    ]
    write_bytes(folder / OUTBOX / f"{0:06d}.jsonl", b"".join(records))


class _Reader:
    def __init__(self, folder: Path, after: Position) -> None:
        self.folder, self.attempt, self.offset = folder, after.attempt, after.offset
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
        files = outboxes(self.folder)
        ended = self.attempt < max(
            [Fence.of(self.folder).attempt, *files]
        )  # before reading: nothing is missed
        data = self._chunk(files.get(self.attempt))
        fence = Fence.of(self.folder)  # after reading: nothing slips past
        if self.attempt < fence.attempt:
            data = data[: max(0, fence.outboxes.get(self.attempt, 0) - self.offset)]
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
            points = _points(line, self.attempt)
        except (ValueError, KeyError, TypeError, AttributeError):
            self._pass_over(len(line))
        else:
            fresh = [point for point in points if point.iteration > self.seen.get(point.key, -1)]
            self.seen.update({point.key: point.iteration for point in fresh})
            self.points += fresh
        self.offset += len(line)

    def _pass_over(self, size: int) -> None:
        last = self.unread[-1] if self.unread else Unread(-1, 0, 0)
        if (last.attempt, last.offset + last.size) == (self.attempt, self.offset):
            self.unread[-1] = Unread(last.attempt, last.offset, last.size + size)
        elif size:
            self.unread.append(Unread(self.attempt, self.offset, size))


def _points(line: bytes, attempt: int) -> list[Point]:
    record = cast(dict[str, Any], unseal(line))
    flags = record["flags"]
    return [
        Point(key, record["iteration"], value, flags.get(key, ""), record["time_ms"], record["kind"], attempt)
        for key, value in record["metrics"].items()
    ]
