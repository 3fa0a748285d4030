"""Store of numbered arrays of one shape: memory-mapped Arrow shards, and a manifest that is written last.

Each shard is written whole by one process, so that several processes share the work, and a restart writes
only the missing shards. Each file holds the key of its origin: a shard with another key is neither read nor
counted as done. The seconds that a shard took are in a file beside it, because its bytes are the same
whichever process wrote them.
"""

import json
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retable.data.decode.errors import DataError
from retable.io.files import make_folder, replacing, room_for, seal, unseal, write_bytes, write_json

MANIFEST = "manifest.json"
AGAIN = "delete the folder, and it is made again"
VERSION = 1
ROWS, BYTES = 512, 1 << 28
"""Most arrays and bytes of a shard: the work that a killed process loses, and its memory beside a batch."""

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class ArrayStore:
    """A folder of arrays, numbered from 0, complete or still to be written.

    Attributes:
        folder: the folder.
        count: number of arrays.
        shape: shape of each array.
        dtype: type of their values: ``float16`` or ``float32``.
        key: origin of the arrays, as JSON: hashes, never paths.
    """

    folder: Path
    count: int
    shape: tuple[int, ...]
    dtype: str
    key: Mapping[str, str]

    @property
    def array_bytes(self) -> int:
        """Bytes of one array."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    @property
    def each(self) -> int:
        """Number of arrays in a shard; the last one may have fewer."""
        return max(1, min(ROWS, BYTES // self.array_bytes))

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.each)

    def rows(self, shard: int) -> range:
        """Numbers of a shard's arrays."""
        return range(shard * self.each, min((shard + 1) * self.each, self.count))

    def missing(self) -> list[int]:
        """Shards still to be written, also those of another origin or without their seconds."""
        return [
            shard
            for shard in range(self.shards)
            if not (self._note(shard).is_file() and self._is_ours(shard))
        ]

    def gone(self) -> list[int]:
        """Shards whose files don't exist."""
        return [shard for shard in range(self.shards) if not self._path(shard).exists()]

    def require_room(self, shards: Sequence[int]) -> None:
        """Check that the disk has room for these shards.

        Raises:
            DiskFull: it has not.
        """
        make_folder(self.folder)
        with room_for(sum(len(self.rows(shard)) for shard in shards) * self.array_bytes, self.folder):
            pass

    def write(self, shard: int, batches: Iterable[Array]) -> None:
        """Write a shard, whole or not at all, and the seconds that it took. One batch is held at a time.

        Args:
            shard: number of the shard.
            batches: its arrays in order, each (n, *shape) of any floating type; rounded to the store's type.
                The seconds include their computation.

        Raises:
            ValueError: they don't match the shard, or are not finite.
            DiskFull: the disk has no room.
        """
        start = time.monotonic()
        rounded = self._rounded(shard, batches)
        flat = pa.array(rounded.reshape(-1))
        columns = [
            pa.FixedSizeListArray.from_arrays(flat, int(np.prod(self.shape))),
            pa.array([zlib.crc32(array.data) for array in rounded], pa.uint32()),
        ]
        schema = pa.schema(
            [("array", columns[0].type), ("crc32", pa.uint32())], metadata={"key": self._sealed(shard)}
        )
        make_folder(self.folder)
        with (
            room_for(rounded.nbytes, self.folder),
            replacing(self._path(shard)) as temporary,
        ):
            with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                writer.write_batch(pa.record_batch(columns, schema=schema))
            # Before the shard gets its name, so that no shard exists without its seconds.
            write_json(self._note(shard), {"seconds": time.monotonic() - start})

    def seconds(self) -> float:
        """Wall seconds of all shards together, each measured in the process that wrote it.

        Time spent on shards that were not finished is not included.

        Raises:
            FileNotFoundError: a shard was not written.
        """
        return sum(
            float(json.loads(self._note(shard).read_bytes())["seconds"]) for shard in range(self.shards)
        )

    def finish(self) -> None:
        """Write the manifest of a complete store.

        Raises:
            DataError: shards are missing.
        """
        if missing := [shard for shard in range(self.shards) if not self._is_ours(shard)]:
            raise DataError(
                f"{len(missing)} of {self.shards} shards in {self.folder} are still to be written",
                remedy="write them first",
            )
        write_bytes(self.folder / MANIFEST, seal(self._content()))

    def open(self) -> "StoredArrays":
        """Open the arrays for reading.

        Raises:
            DataError: they are not complete, are damaged, or are of another origin.
        """
        path = self.folder / MANIFEST
        try:
            found = unseal(path.read_bytes())
        except FileNotFoundError:
            raise DataError(
                f"{self.folder} holds no finished set of arrays: {path} is missing", remedy=AGAIN
            ) from None
        except ValueError as error:
            raise DataError(f"{path} is damaged ({error})", remedy=AGAIN) from error
        expected = json.loads(json.dumps(self._content()))
        if found != expected:
            raise DataError(
                f"{self.folder} must hold {_differences(expected, found)}, but holds "
                f"{_differences(found, expected)}: it was made from something else",
                remedy=AGAIN,
            )
        return StoredArrays(self)

    def _rounded(self, shard: int, batches: Iterable[Array]) -> Array:
        """Arrays of a shard, (rows, *shape), in the store's type."""
        arrays = np.empty((len(self.rows(shard)), *self.shape), self.dtype)
        filled = 0
        for batch in batches:
            if batch.shape[1:] != self.shape or filled + len(batch) > len(arrays):
                raise _shape_error(shard, arrays, filled + len(batch), batch.shape[1:])
            rows = arrays[filled : filled + len(batch)]
            with np.errstate(over="ignore"):  # infinities are refused below
                rows[...] = batch
            if not np.isfinite(rows).all():
                raise ValueError(f"shard {shard} must have finite values in {self.dtype}, but some are not")
            filled += len(batch)
        if filled < len(arrays):
            raise _shape_error(shard, arrays, filled, self.shape)
        return arrays

    def _content(self) -> dict[str, object]:
        layout = {"count": self.count, "shape": list(self.shape), "dtype": self.dtype, "each": self.each}
        return {"version": VERSION, **layout, "key": dict(self.key)}

    def _sealed(self, shard: int) -> bytes:
        return seal({**self._content(), "shard": shard})

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05}-of-{self.shards:05}.arrow"

    def _note(self, shard: int) -> Path:
        return self._path(shard).with_suffix(".json")

    def _is_ours(self, shard: int) -> bool:
        path = self._path(shard)
        return path.is_file() and _batch(path).schema.metadata == {b"key": self._sealed(shard)}


def shards_written(folder: Path) -> str:
    """Progress of a store, such as ``3 of 8 shards``; empty before the first."""
    names = [path.stem for path in folder.glob("*-of-*.arrow")]
    return f"{len(names)} of {int(names[0].partition('-of-')[2])} shards" if names else ""


class StoredArrays:
    """Arrays of a finished store. A shard is mapped at the first access to one of its arrays."""

    def __init__(self, store: ArrayStore) -> None:
        self.store = store
        self._mapped: dict[int, tuple[Array, NDArray[np.uint32]]] = {}

    def __len__(self) -> int:
        """Number of arrays."""
        return self.store.count

    def __getitem__(self, number: int) -> Array:
        """One array, read-only, straight from the mapped file.

        Raises:
            DataError: its bytes on disk have changed since they were written.
        """
        shard, row = divmod(number, self.store.each)
        if shard not in self._mapped:
            self._mapped[shard] = self._map(shard)
        arrays, sums = self._mapped[shard]
        array: Array = arrays[row]
        if zlib.crc32(array.data) != sums[row]:
            raise DataError(f"array {number} in {self.store.folder} is damaged on the disk", remedy=AGAIN)
        return array

    def stacked(self, numbers: Sequence[int]) -> Array:
        """Copy of several arrays, (N, *shape)."""
        return np.stack([self[number] for number in numbers])

    def _map(self, shard: int) -> tuple[Array, NDArray[np.uint32]]:
        store = self.store
        batch = _batch(store._path(shard))
        if batch.schema.metadata != {b"key": store._sealed(shard)}:
            raise DataError(
                f"{store._path(shard)} was made from something else while it was in use", remedy=AGAIN
            )
        # Not Arrow's own to_numpy: it imports pandas.
        array_bytes, sum_bytes = (column.buffers()[-1] for column in batch.columns)
        rows = len(store.rows(shard))
        values = np.frombuffer(array_bytes, store.dtype, rows * int(np.prod(store.shape)))
        return values.reshape(rows, *store.shape), np.frombuffer(sum_bytes, np.uint32, rows)


def _batch(path: Path) -> pa.RecordBatch:
    """The only record batch of a shard. The file is closed; its pages stay mapped while they are in use."""
    try:
        with pa.memory_map(str(path)) as file:
            return pa.ipc.open_file(file).get_batch(0)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"the shard {path} is damaged ({error})", remedy="delete it, and it is made again"
        ) from error


def _shape_error(shard: int, arrays: Array, rows: int, shape: tuple[int, ...]) -> ValueError:
    return ValueError(f"shard {shard} must have arrays of {arrays.shape}, but got {(rows, *shape)}")


def _differences(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """Entries of one mapping that differ in the other, as text."""
    return ", ".join(f"{name} {value}" for name, value in one.items() if other.get(name) != value) or "less"
