"""Every metric that was written is read once and in order, whatever became of the file's end."""

import json
import math
import os
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retable.io.files import DiskFull
from retable.store import metrics_log as module
from retable.store import metrics_reader
from retable.store.fence import fence
from retable.store.metrics_log import MetricsLog, Point, Position, Unread, read


def file_of(folder: Path, attempt: int = 1) -> Path:
    return folder / "outbox" / f"{attempt:06d}.jsonl"


def written(folder: Path, attempt: int, iterations: Sequence[int], *, offset: float = 0.0) -> None:
    with MetricsLog(folder, attempt) as metrics_log:
        for iteration in iterations:
            metrics_log.write(iteration, {"loss": iteration + offset})


def pairs(points: list[Point]) -> list[tuple[int, float | None]]:
    return [(point.iteration, point.value) for point in points]


def test_points_come_back_as_they_were(tmp_path: Path) -> None:
    values = {"loss/g": 0.1 + 0.2, "loss/d": -1e-308, "ü": 3}
    with MetricsLog(tmp_path, 1) as metrics_log:
        metrics_log.write(0, {"is2048x10_c3d": 1.5}, kind="evaluation")
        metrics_log.write(10, values)
        metrics_log.write(10, {})
    points, position = read(tmp_path)
    assert [(p.key, p.iteration, p.value, p.flag, p.kind, p.attempt) for p in points] == [
        ("is2048x10_c3d", 0, 1.5, "", "evaluation", 1),
        *((key, 10, value, "", "train", 1) for key, value in values.items()),
    ]
    assert read(tmp_path, position) == ([], position)


def test_a_trial_without_an_outbox_has_no_points(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == ([], Position())


def test_times_are_milliseconds_of_utc_and_the_order_does_not_depend_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 86_400 * 10**9
    clock = iter([day * 20_000, day * 19_999, day * 20_001])
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    written(tmp_path, 1, [1, 2, 3])
    assert [(p.iteration, p.time_ms // 86_400_000) for p in read(tmp_path)[0]] == [
        (1, 20_000),
        (2, 19_999),
        (3, 20_001),
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_a_number(tmp_path: Path, value: float) -> None:
    with MetricsLog(tmp_path, 1) as metrics_log:
        metrics_log.write(1, {"bad": value, "good": 1.0})
    assert json.loads(file_of(tmp_path).read_text())["metrics"] == {"bad": None, "good": 1.0}
    bad, good = read(tmp_path)[0]
    assert (bad.value, bad.flag) == (None, str(value))
    assert (good.value, good.flag) == (1.0, "")


@pytest.mark.parametrize("iteration", [-1, 4])
def test_iterations_do_not_decrease(tmp_path: Path, iteration: int) -> None:
    with MetricsLog(tmp_path, 1) as metrics_log:
        metrics_log.write(5, {"loss": 1.0})
        metrics_log.write(5, {"score": 1.0})
        with pytest.raises(ValueError, match=r"must not decrease, but \['loss'\] got -?\d after 5"):
            metrics_log.write(iteration, {"loss": 1.0})


def test_every_cut_keeps_exactly_the_whole_records(tmp_path: Path) -> None:
    """Cut at every byte of 100 records: read from the start, or where most readers are, a little behind the end."""
    written(tmp_path, 1, range(100))
    whole = file_of(tmp_path).read_bytes()
    ends = [0] + [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    assert len(ends) == 101
    for cut in range(len(whole), -1, -1):
        os.truncate(file_of(tmp_path), cut)
        count = bisect_right(ends, cut) - 1
        behind = max(0, count - 2) if cut % 50 else 0
        points, position = read(tmp_path, Position(1, ends[behind], {"loss": behind - 1}))
        assert [point.iteration for point in points] == list(range(behind, count))
        rest = cut - ends[count]
        assert position.unread == ((Unread(1, ends[count], rest),) if rest else ())


@pytest.mark.parametrize(
    "tail", [b"", b'{"iter', b"\0" * 4096, b"\n", b"\n\n\0\n", b'{"iteration":3}\n', b"\xff\xfe\n"]
)
def test_a_later_attempt_goes_on_behind_any_tail(tmp_path: Path, tail: bytes) -> None:
    written(tmp_path, 1, [1, 2])
    size = file_of(tmp_path).stat().st_size
    with file_of(tmp_path).open("ab") as file:
        file.write(tail)
    fence(tmp_path, 2)
    written(tmp_path, 2, [2, 3])
    points, position = read(tmp_path)
    assert pairs(points) == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert position.unread == ((Unread(1, size, len(tail)),) if tail else ())


@pytest.mark.parametrize("tail", [b'{"iter', b"\0" * 100])
def test_the_same_attempt_goes_on_behind_a_torn_tail(tmp_path: Path, tail: bytes) -> None:
    written(tmp_path, 1, [1])
    _, before = read(tmp_path)
    with file_of(tmp_path).open("ab") as file:
        file.write(tail)
    _, torn = read(tmp_path, before)
    assert torn.unread == (Unread(1, before.offset, len(tail)),)
    written(tmp_path, 1, [2])
    points, after = read(tmp_path, torn)
    assert pairs(points) == [(2, 2.0)]
    assert after.unread == (Unread(1, before.offset, len(tail) + 1),)


def test_damage_in_the_middle_costs_only_the_damaged_records(tmp_path: Path) -> None:
    written(tmp_path, 1, range(10))
    lines = file_of(tmp_path).read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b":3.0", b":4.0")
    lines[7] = b"\n"
    file_of(tmp_path).write_bytes(b"".join(lines))
    points, position = read(tmp_path)
    assert [point.iteration for point in points] == [0, 1, 2, 4, 5, 6, 8, 9]
    sizes = [len(line) for line in lines]
    assert position.unread == (Unread(1, sum(sizes[:3]), sizes[3]), Unread(1, sum(sizes[:7]), 1))


def test_repeated_iterations_count_once_and_the_first_word_counts(tmp_path: Path) -> None:
    written(tmp_path, 1, range(0, 60, 10))
    written(tmp_path, 2, range(30, 90, 10), offset=0.5)
    written(tmp_path, 11, range(80, 110, 10), offset=0.25)
    assert pairs(read(tmp_path)[0]) == [
        *((i, float(i)) for i in range(0, 60, 10)),
        *((i, i + 0.5) for i in range(60, 90, 10)),
        *((i, i + 0.25) for i in range(90, 110, 10)),
    ]


def test_a_reader_that_was_behind_when_the_attempt_was_replaced_misses_nothing(tmp_path: Path) -> None:
    first = MetricsLog(tmp_path, 1)
    first.write(1, {"loss": 1.0})
    points, position = read(tmp_path)
    first.write(2, {"loss": 2.0})
    first.close()
    fence(tmp_path, 2)
    later, position = read(tmp_path, position)
    written(tmp_path, 2, [2, 3])
    last, _ = read(tmp_path, position)
    assert pairs(points + later + last) == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_bytes_that_a_power_cut_took_behind_the_fence_do_not_stop_the_reader(tmp_path: Path) -> None:
    written(tmp_path, 1, [1, 2])
    fence(tmp_path, 2)
    with file_of(tmp_path).open("r+b") as file:
        file.truncate(file_of(tmp_path).stat().st_size - 5)
    written(tmp_path, 2, [2, 3])
    assert pairs(read(tmp_path)[0]) == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_long_outbox_can_be_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, 1, range(50))
    written(tmp_path, 2, range(40, 100))
    monkeypatch.setattr(metrics_reader, "CHUNK", 64)
    position, parts = None, []
    while True:
        points, position = read(tmp_path, position, limit=7)
        position = Position.from_json(json.loads(json.dumps(position.to_json())))
        if not points:
            break
        parts.append(points)
    assert {len(part) for part in parts} == {7, 100 % 7}
    assert [p.iteration for part in parts for p in part] == list(range(100))


Attempts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.booleans()), min_size=1, max_size=5)


@settings(deadline=None, max_examples=25)
@given(Attempts, st.lists(st.integers(1, 400), max_size=5), st.integers(1, 9))
def test_any_history_gives_each_iteration_once_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    attempts: list[tuple[int, int, bool]],
    cuts: list[int],
    limit: int,
) -> None:
    """Attempts that resume anywhere before the end of the last, end torn or not, read in parts as they come."""
    folder = tmp_path_factory.mktemp("trial")
    position, seen, reached = None, list[int](), 0
    for number, (back, steps, torn) in enumerate(attempts, 1):
        fence(folder, number)
        start = max(0, reached - back)
        written(folder, number, range(start, start + steps))
        cut = cuts[number - 1] if torn and len(cuts) >= number else 0
        if cut:
            os.truncate(file_of(folder, number), max(0, file_of(folder, number).stat().st_size - cut))
        points, position = read(folder, position, limit=limit)
        seen += [point.iteration for point in points]
        reached = max([reached - back, *(p.iteration + 1 for p in read(folder)[0])], default=0)
    seen += [point.iteration for point in read(folder, position)[0]]
    assert seen == sorted(set(seen)) == [p.iteration for p in read(folder)[0]]


def test_a_reader_beside_the_writer_sees_every_point_once(tmp_path: Path) -> None:
    def write() -> None:
        with MetricsLog(tmp_path, 1) as metrics_log:
            for iteration in range(3000):
                metrics_log.write(iteration, {"a": iteration, "b": -iteration})

    writer = threading.Thread(target=write)
    writer.start()
    points, position = list[Point](), None
    alive = True
    while alive:
        alive = writer.is_alive()
        new, position = read(tmp_path, position)
        points += new
    writer.join()
    assert [(p.key, p.iteration, p.value) for p in points] == [
        (key, i, float(value)) for i in range(3000) for key, value in (("a", i), ("b", -i))
    ]


def test_the_disk_is_waited_for_at_most_once_a_second_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, synced = [100.0], list[Path]()
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    metrics_log = MetricsLog(tmp_path, 1)
    monkeypatch.setattr(module, "sync", synced.append)
    for iteration in range(30):
        clock[0] += 0.1
        metrics_log.write(iteration, {"loss": 1.0})
    assert len(synced) in (2, 3)  # of 3 seconds
    metrics_log.close()
    metrics_log.close()
    assert len(synced) in (3, 4)


def test_a_full_disk_costs_no_record_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics_log = MetricsLog(tmp_path, 1)
    metrics_log.write(1, {"loss": 1.0})
    real = metrics_log._file

    class Full:
        name = real.name

        def write(self, line: bytes) -> int:
            if len(line) < 20:
                raise OSError(28, "No space left on device")
            return real.write(line[: len(line) - 10])  # short, then nothing more fits

    monkeypatch.setattr(metrics_log, "_file", Full())
    for _ in range(2):
        with pytest.raises(DiskFull):
            metrics_log.write(2, {"loss": 2.0})
    monkeypatch.setattr(metrics_log, "_file", real)
    metrics_log.write(2, {"loss": 2.0})
    metrics_log.close()
    points, position = read(tmp_path)
    assert pairs(points) == [(1, 1.0), (2, 2.0)]
    assert len(position.unread) == 1
