"""Index of a results folder: the results of all trials in one Arrow file, so that a report opens one file.

It is a copy of what the trials' folders hold. If it is deleted, the next report makes it again.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from retable.io.files import replacing
from retable.store.formats.layout import ResultsFolder

SCHEMA = pa.schema(
    [
        ("signature", pa.string()),
        ("modified_ns", pa.int64()),
        ("size", pa.int64()),
        ("content", pa.large_binary()),
    ]
)


class Entry(NamedTuple):
    """Content of a file, with its time of modification and its size when it was read."""

    modified_ns: int
    size: int
    content: bytes


def indexed(results: Path) -> dict[str, bytes]:
    """Signature -> content of the trial's result file, for all trials in a results folder.

    Only files that are new or changed since the last call are opened. Several processes may call it at once.
    """
    folder = ResultsFolder(results)
    known = _read(folder.index)
    now = {}
    for trial in folder.trial_folders():
        path, signature = trial.result, trial.signature
        with suppress(FileNotFoundError):  # removed since
            stat = path.stat()
            entry = known.get(signature)
            if entry is None or (entry.modified_ns, entry.size) != (stat.st_mtime_ns, stat.st_size):
                entry = _entry(path)
            now[signature] = entry
    if now != known:
        _write(folder.index, now)
    return {signature: entry.content for signature, entry in now.items()}


def _entry(path: Path) -> Entry:
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        return Entry(stat.st_mtime_ns, stat.st_size, file.read())


def _read(path: Path) -> dict[str, Entry]:
    """Entries of the index; empty if it is absent or unreadable."""
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
            if table.schema != SCHEMA:
                return {}
            columns = table.to_pydict()
    except (FileNotFoundError, pa.ArrowInvalid):
        return {}
    rows = zip(*(columns[name] for name in SCHEMA.names), strict=True)
    return {signature: Entry(*entry) for signature, *entry in rows}


def _write(path: Path, entries: dict[str, Entry]) -> None:
    rows = [{"signature": signature, **entry._asdict()} for signature, entry in entries.items()]
    with replacing(path) as temporary, pa.ipc.new_file(str(temporary), SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
