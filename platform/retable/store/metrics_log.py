"""The metrics log of an attempt: an append-only file that rank 0 writes, and that the driver reads while it grows.

Training never waits for a tracker: rank 0 appends here, and an uploader reads behind it from a `Position` of its own.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from retable.io.files import make_folder, room_for, sync, write_bytes
from retable.store.fence import check
from retable.store.formats.layout import TrialFolder
from retable.store.formats.metrics_record import Kind, MetricsRecord
from retable.store.metrics_reader import Point, Position, Unread, read

__all__ = ["Kind", "MetricsLog", "Point", "Position", "Unread", "inherit", "read"]

SYNC_SECONDS = 1.0  # a power cut loses at most about that much; a killed process loses nothing


class MetricsLog:
    """The metrics log of one attempt, open for writing. Only rank 0 opens it.

    Args:
        folder: the trial's folder.
        attempt: the attempt's number in the ledger.

    Raises:
        Fenced: the attempt was replaced by a later one.
    """

    def __init__(self, folder: Path, attempt: int) -> None:
        check(folder, attempt)
        path = TrialFolder(folder).metrics_log(attempt)
        make_folder(path.parent)
        self.folder, self.attempt = folder, attempt
        self._file = path.open("a+b", buffering=0)
        sync(path.parent)
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
        line = MetricsRecord.of(iteration, kind, time.time_ns() // 1_000_000, metrics).line()
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


def inherit(source: Path, folder: Path, *, until: int) -> None:
    """Write another trial's metrics up to an iteration into a trial's folder, as the metrics log of an attempt 0.

    Do so before the first attempt's fence is set, which says that they count.

    Args:
        source: the other trial's folder.
        folder: the folder of the trial that continues it.
        until: the last iteration that both have in common.
    """
    lines: dict[tuple[int, Kind, int], dict[str, Point]] = {}
    for point in read(source)[0]:
        if point.iteration <= until:
            lines.setdefault((point.time_ms, point.kind, point.iteration), {})[point.key] = point
    records = [
        MetricsRecord(
            iteration,
            kind,
            time_ms,
            {key: point.value for key, point in points.items()},
            {key: point.flag for key, point in points.items() if point.flag},
        )
        for (time_ms, kind, iteration), points in lines.items()
    ]
    write_bytes(TrialFolder(folder).metrics_log(0), b"".join(record.line() for record in records))
