"""Arrays of one shape on disk, by number: memory-mapped Arrow shards, and a manifest, written last, of whose they are.

Every shard is written whole by whichever process is at it, so that several share the work and a killed one goes on with
what is missing. What the arrays were made from is a key that stands in each file: what was made from something else is
neither read nor taken for done. How long a shard took lies in a file beside it, for shards are the same whoever wrote them.
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
"""Most arrays of a shard, and its most bytes: what a killed process loses, and what one holds in memory beside a batch."""

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class ArrayStore:
    """A folder of arrays, numbered from 0, that is there or is to be made.

    Attributes:
        count: number of arrays.
        shape: of each.
        dtype: of their values: ``float16`` or ``float32``.
        key: what they are made from, as JSON has it: hashes, never paths.
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
        """Arrays in a shard; the last one may have fewer."""
        return max(1, min(ROWS, BYTES // self.array_bytes))

    @property
    def shards(self) -> int:
        """How many shards hold them all."""
        return -(-self.count // self.each)

    def rows(self, shard: int) -> range:
        """The numbers of a shard's arrays."""
        return range(shard * self.each, min((shard + 1) * self.each, self.count))

    def missing(self) -> list[int]:
        """The shards that are still to be written; those made from something else, or in unknown time, are among them."""
        return [
            shard
            for shard in range(self.shards)
            if not (self._note(shard).is_file() and self._is_ours(shard))
        ]

    def gone(self) -> list[int]:
        """The shards whose files are not there."""
        return [shard for shard in range(self.shards) if not self._path(shard).exists()]

    def require_room(self, shards: Sequence[int]) -> None:
        """See that the disk holds these shards, before hours are spent on them.

        Raises:
            DiskFull: it does not.
        """
        make_folder(self.folder)
        with room_for(sum(len(self.rows(shard)) for shard in shards) * self.array_bytes, self.folder):
            pass

    def write(self, shard: int, batches: Iterable[Array]) -> None:
        """Write a shard, whole or not at all, and note the seconds that it took. Of its batches one is held at a time.

        Args:
            batches: its arrays in their order, each (n, *shape) of any floating type; rounded to the store's. Making them
                counts as writing.

        Raises:
            ValueError: they are not that shard's, or not finite.
            DiskFull: there is no room.
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
            # Before the shard has its name, so that none is there without its seconds.
            write_json(self._note(shard), {"seconds": time.monotonic() - start})

    def seconds(self) -> float:
        """What all shards took: the wall seconds of each in the process that wrote it, added up.

        What a process spent on a shard that it did not finish is not in it.

        Raises:
            FileNotFoundError: a shard was not written.
        """
        return sum(
            float(json.loads(self._note(shard).read_bytes())["seconds"]) for shard in range(self.shards)
        )

    def finish(self) -> None:
        """Write the manifest, once all shards are there.

        Raises:
            DataError: some are not.
        """
        if missing := [shard for shard in range(self.shards) if not self._is_ours(shard)]:
            raise DataError(
                f"{len(missing)} of {self.shards} shards in {self.folder} are still to be written"
            )
        write_bytes(self.folder / MANIFEST, seal(self._content()))

    def open(self) -> "StoredArrays":
        """The arrays, for reading.

        Raises:
            DataError: they are not all there, are damaged, or were made from something else.
        """
        path = self.folder / MANIFEST
        try:
            found = unseal(path.read_bytes())
        except FileNotFoundError:
            raise DataError(
                f"{self.folder} holds no finished set of arrays: {path} is missing; {AGAIN}"
            ) from None
        except ValueError as error:
            raise DataError(f"{path} is damaged ({error}); {AGAIN}") from error
        expected = json.loads(json.dumps(self._content()))
        if found != expected:
            raise DataError(
                f"{self.folder} must hold {_told(expected, found)}, but holds {_told(found, expected)}: it was made from "
                f"something else; {AGAIN}"
            )
        return StoredArrays(self)

    def _rounded(self, shard: int, batches: Iterable[Array]) -> Array:
        """A shard's arrays, (rows, *shape), in the store's type."""
        arrays = np.empty((len(self.rows(shard)), *self.shape), self.dtype)
        filled = 0
        for batch in batches:
            if batch.shape[1:] != self.shape or filled + len(batch) > len(arrays):
                raise _misfit(shard, arrays, filled + len(batch), batch.shape[1:])
            part = arrays[filled : filled + len(batch)]
            with np.errstate(over="ignore"):  # infinities are refused below
                part[...] = batch
            if not np.isfinite(part).all():
                raise ValueError(f"shard {shard} must have finite values in {self.dtype}, but some are not")
            filled += len(batch)
        if filled < len(arrays):
            raise _misfit(shard, arrays, filled, self.shape)
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
    """How many shards of a store are there, such as ``3 of 8 shards``; empty before the first."""
    names = [path.stem for path in folder.glob("*-of-*.arrow")]
    return f"{len(names)} of {int(names[0].partition('-of-')[2])} shards" if names else ""


class StoredArrays:
    """The arrays of a finished store. A shard is mapped when the first of its arrays is asked for."""

    def __init__(self, store: ArrayStore) -> None:
        self.store = store
        self._mapped: dict[int, tuple[Array, NDArray[np.uint32]]] = {}

    def __len__(self) -> int:
        """Number of arrays."""
        return self.store.count

    def __getitem__(self, number: int) -> Array:
        """That array, read-only, straight from the mapped file.

        Raises:
            DataError: the bytes on the disk are no longer those that were written.
        """
        shard, row = divmod(number, self.store.each)
        if shard not in self._mapped:
            self._mapped[shard] = self._map(shard)
        arrays, sums = self._mapped[shard]
        array: Array = arrays[row]
        if zlib.crc32(array.data) != sums[row]:
            raise DataError(f"array {number} in {self.store.folder} is damaged on the disk; {AGAIN}")
        return array

    def stacked(self, numbers: Sequence[int]) -> Array:
        """Those arrays, (N, *shape), copied."""
        return np.stack([self[number] for number in numbers])

    def _map(self, shard: int) -> tuple[Array, NDArray[np.uint32]]:
        store = self.store
        batch = _batch(store._path(shard))
        if batch.schema.metadata != {b"key": store._sealed(shard)}:
            raise DataError(f"{store._path(shard)} was made from something else while it was in use")
        # Not Arrow's own to_numpy: it imports pandas.
        array_bytes, sum_bytes = (column.buffers()[-1] for column in batch.columns)
        rows = len(store.rows(shard))
        values = np.frombuffer(array_bytes, store.dtype, rows * int(np.prod(store.shape)))
        return values.reshape(rows, *store.shape), np.frombuffer(sum_bytes, np.uint32, rows)


def _batch(path: Path) -> pa.RecordBatch:
    """A shard's only record batch. The file is closed again: its pages stay mapped for as long as they are in use."""
    try:
        with pa.memory_map(str(path)) as file:
            return pa.ipc.open_file(file).get_batch(0)
    except pa.ArrowInvalid as error:
        raise DataError(f"the shard {path} is damaged ({error}); delete it, and it is made again") from error


def _misfit(shard: int, arrays: Array, rows: int, shape: tuple[int, ...]) -> ValueError:
    return ValueError(f"shard {shard} must have arrays of {arrays.shape}, but got {(rows, *shape)}")


def _told(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """What of the one is not the same in the other."""
    return ", ".join(f"{name} {value}" for name, value in one.items() if other.get(name) != value) or "less"
