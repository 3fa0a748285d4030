"""Arrays in shards: whole or not at all, and never taken for what was made from something else."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from retable.data.decode.errors import DataError
from retable.data.samples import array_store
from retable.data.samples.array_store import MANIFEST, Array, ArrayStore
from retable.io.files import DiskFull

KEY = {"autoencoder": "ab" * 32, "images": "0123456789abcdef"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArrayStore:
    monkeypatch.setattr(array_store, "ROWS", 4)
    return ArrayStore(folder=tmp_path / "codes", count=10, shape=(2, 3, 3), dtype="float16", key=KEY)


def values(store: ArrayStore) -> Array:
    random = np.random.default_rng(0)
    return random.uniform(-1, 1, (store.count, *store.shape)).astype(np.float32)


def filled(store: ArrayStore) -> Array:
    arrays = values(store)
    for shard in store.missing():
        rows = store.rows(shard)
        store.write(shard, [arrays[rows.start : rows.stop]])
    store.finish()
    return arrays


def test_arrays_come_back_rounded_and_read_only(store: ArrayStore) -> None:
    assert [list(store.rows(shard)) for shard in store.missing()] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    arrays = filled(store)
    opened = store.open()
    assert len(opened) == 10
    np.testing.assert_array_equal(opened.stacked(range(10)), arrays.astype(np.float16))
    assert opened[9].dtype == np.float16
    assert not opened[9].flags.writeable
    whole = replace(store, folder=store.folder.with_name("whole"), dtype="float32")
    np.testing.assert_array_equal(filled(whole), whole.open().stacked(range(10)))


def test_a_shard_is_bounded_in_rows_and_bytes(store: ArrayStore) -> None:
    assert store.each == 4
    large = replace(store, shape=(16, 256, 256))
    assert large.array_bytes == 2 * 16 * 256 * 256
    assert replace(large, shape=(64, 2048, 2048)).each == 1


def test_what_was_written_is_not_written_again(store: ArrayStore) -> None:
    store.write(1, [values(store)[4:8]])
    assert store.missing() == [0, 2]
    with pytest.raises(DataError, match="2 of 3 shards .* are still to be written"):
        store.finish()
    with pytest.raises(
        DataError, match="holds no finished set of arrays.*; delete the folder, and it is made again"
    ):
        store.open()
    filled(store)
    assert store.missing() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda store: replace(store, key={**KEY, "autoencoder": "cd" * 32}),
        lambda store: replace(store, key={**KEY, "images": "f" * 16}),
        lambda store: replace(store, dtype="float32"),
        lambda store: replace(store, shape=(2, 9, 1)),
    ],
)
def test_what_was_made_from_something_else_is_neither_read_nor_taken_for_done(
    store: ArrayStore, change: Callable[[ArrayStore], ArrayStore]
) -> None:
    filled(store)
    other = change(store)
    with pytest.raises(
        DataError, match="was made from something else; delete the folder, and it is made again"
    ):
        other.open()
    assert other.missing() == [0, 1, 2]
    reader = store.open()
    filled(other)  # in the place of the old ones
    other.open()
    with pytest.raises(DataError, match="was made from something else while it was in use"):
        reader[0]


def test_a_changed_byte_is_noticed(store: ArrayStore) -> None:
    arrays = filled(store)
    path = store.folder / "00000-of-00003.arrow"
    content = bytearray(path.read_bytes())
    at = content.index(arrays[1].astype(np.float16).tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    opened = store.open()
    np.testing.assert_array_equal(opened[0], arrays[0].astype(np.float16))
    with pytest.raises(DataError, match="array 1 .* is damaged"):
        opened[1]
    path.write_bytes(content[:100])
    with pytest.raises(DataError, match=r"00000-of-00003.arrow is damaged"):
        store.missing()
    manifest = store.folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-9])
    with pytest.raises(DataError, match="is damaged .*; delete the folder"):
        store.open()


def test_what_does_not_fit_is_refused(store: ArrayStore) -> None:
    with pytest.raises(ValueError, match="must have arrays of"):
        store.write(2, [values(store)[:4]])
    with pytest.raises(ValueError, match="must have finite values in float16"):
        store.write(0, [values(store)[:4] * 1e6])
    assert not list(store.folder.glob("*"))


def test_a_shard_comes_in_batches_of_any_size(store: ArrayStore) -> None:
    arrays = values(store)
    store.write(0, (arrays[start:end] for start, end in ((0, 1), (1, 1), (1, 4))))
    store.write(1, [arrays[4:8]])
    store.write(2, [arrays[8:9], arrays[9:10]])
    store.finish()
    np.testing.assert_array_equal(store.open().stacked(range(10)), arrays.astype(np.float16))


@pytest.mark.parametrize(
    ("batches", "got"),
    [
        (lambda arrays: [arrays[:3]], r"\(3, 2, 3, 3\)"),
        (lambda arrays: [arrays[:3], arrays[:2]], r"\(5, 2, 3, 3\)"),
        (lambda arrays: [arrays[:2], arrays[:2, :, :1]], r"\(4, 2, 1, 3\)"),
        (lambda arrays: [], r"\(0, 2, 3, 3\)"),
    ],
)
def test_batches_that_are_no_shard_are_refused(
    store: ArrayStore, batches: Callable[[Array], list[Array]], got: str
) -> None:
    with pytest.raises(ValueError, match=rf"must have arrays of \(4, 2, 3, 3\), but got {got}"):
        store.write(0, batches(values(store)))
    assert not list(store.folder.glob("*"))


def test_one_bad_value_is_refused_in_whichever_batch_it_is(store: ArrayStore) -> None:
    arrays = values(store)
    arrays[2, 1, 1, 1] = np.nan
    with pytest.raises(ValueError, match="must have finite values in float16"):
        store.write(0, [arrays[:2], arrays[2:4]])


def test_a_writer_holds_its_shard_once(tmp_path: Path) -> None:
    store = ArrayStore(folder=tmp_path, count=64, shape=(4, 64, 64), dtype="float16", key=KEY)
    batch = np.zeros((4, *store.shape), np.float32)
    tracemalloc.start()
    try:
        store.write(0, (batch + 1 for _ in range(16)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * store.array_bytes + 4 * batch.nbytes


@dataclass
class Clock:
    """Stands for the module `time`: goes on only when it is told to."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def batches(self, arrays: Array, seconds: float) -> Iterator[Array]:
        """One array after the other, each of which takes so long."""
        for array in arrays:
            self.now += seconds
            yield array[None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(array_store, "time", clock)
    return clock


def test_what_shards_took_is_told_by_whoever_asks_and_counted_once(store: ArrayStore, clock: Clock) -> None:
    arrays = values(store)
    store.write(0, clock.batches(arrays[:4], 3.0))
    store.write(1, clock.batches(arrays[4:8], 2.0))
    with pytest.raises(FileNotFoundError):
        store.seconds()
    store.write(2, clock.batches(arrays[8:], 1.0))
    assert replace(store).seconds() == 12 + 8 + 2
    store.write(0, clock.batches(arrays[:4], 0.5))  # again, as by an actor in the place of a lost one
    assert replace(store).seconds() == 2 + 8 + 2


def test_a_shard_is_the_same_however_long_it_took(store: ArrayStore, clock: Clock) -> None:
    shards = []
    for seconds in (1.0, 60.0):
        store.write(0, clock.batches(values(store)[:4], seconds))
        shards.append((store.folder / "00000-of-00003.arrow").read_bytes())
    assert shards[0] == shards[1]


def test_a_shard_of_unknown_seconds_is_written_again(store: ArrayStore) -> None:
    filled(store)
    (store.folder / "00001-of-00003.json").unlink()
    assert store.missing() == [1]
    store.finish()  # for those who only read
    store.open().stacked(range(10))


def test_room_is_looked_for_before_anything_is_made(store: ArrayStore) -> None:
    store.require_room(store.missing())
    vast = replace(store, count=1000, shape=(10**5, 10**5))
    with pytest.raises(DiskFull, match="bytes are needed"):
        vast.require_room(range(1000))
    assert not list(store.folder.glob("*"))


def test_few_files_are_open_however_many_shards_are_mapped(store: ArrayStore) -> None:
    filled(store)
    opened = store.open()
    opened.stacked(range(10))
    held = [target(number) for number in Path("/proc/self/fd").iterdir()]
    assert not [file for file in held if file.startswith(str(store.folder))]


def target(link: Path) -> str:
    """What a link leads to; empty if it is gone: other threads open and close files of their own."""
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


WRITER = """
import os, sys, pathlib, numpy as np
from retable.data.samples import array_store
array_store.ROWS = 4
store = array_store.ArrayStore(
    folder=pathlib.Path(sys.argv[1]), count=10, shape=(2, 3, 3), dtype="float16", key={"of": "it"}
)
real = array_store.replacing.__wrapped__
def killed(path):
    for temporary in real(path):
        yield temporary
        if path.name.startswith("00001"):
            os._exit(9)  # the content is there, the name is not
import contextlib
array_store.replacing = contextlib.contextmanager(killed) if sys.argv[2] == "kill" else array_store.replacing
for shard in store.missing():
    print(shard, flush=True)
    store.write(shard, [np.full((len(store.rows(shard)), 2, 3, 3), shard, np.float32)])
store.finish()
"""


def test_a_killed_writer_leaves_whole_shards_and_the_next_one_goes_on(tmp_path: Path) -> None:
    def run(how: str) -> tuple[int, list[str]]:
        command = [sys.executable, "-c", WRITER, str(tmp_path / "codes"), how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        return done.returncode, done.stdout.split()

    assert run("kill") == (9, ["0", "1"])
    assert run("live") == (0, ["1", "2"])
    assert run("live") == (0, [])
