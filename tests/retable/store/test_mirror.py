import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import pytest
import torch

from retable.io.files import write_json
from retable.io.object_store import ObjectStore
from retable.store import checkpoint, metrics_log
from retable.store.assignment import Assignment
from retable.store.fence import Fenced, fence
from retable.store.metrics_log import MetricsLog
from retable.store.mirror import EXCHANGE_SECONDS, Mirror
from retable.store.working_copy import local_results, working_copy

SIGNATURE = "0123456789abcdef"


class Cut(OSError):
    """The connection was cut."""


class Cuttable(ObjectStore):
    """A bucket that is cut at the n-th change from now."""

    left = 10**9

    def _write(self, name: str, chunks: Iterator[bytes]) -> None:
        self._count()
        super()._write(name, chunks)

    def delete(self, name: str) -> None:
        self._count()
        super().delete(name)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cut("cut off")


@pytest.fixture
def object_store(tmp_path: Path) -> Cuttable:
    return Cuttable((tmp_path / "far").as_uri())


@pytest.fixture
def node(tmp_path: Path, object_store: ObjectStore) -> Callable[[str], Mirror]:
    """A node of that name: its mirror of the trial, in a folder of its own."""
    return lambda name: Mirror(object_store, tmp_path / name / "trials" / SIGNATURE)


def save(mirror: Mirror, iteration: int, attempt: int = 1) -> None:
    state = {"weights": torch.full((3,), float(iteration))}
    checkpoint.save(mirror.folder, iteration, state, signature=SIGNATURE, attempt=attempt)


def newest(mirror: Mirror) -> int | None:
    """Iteration of the newest checkpoint, which is loaded too."""
    found = checkpoint.newest(mirror.folder, SIGNATURE)
    if found is None:
        return None
    assert not found.skipped
    assert float(checkpoint.load(found, "cpu")["weights"][0]) == found.iteration
    return found.iteration


Nodes = Callable[[str], Mirror]


def test_another_node_goes_on_from_what_was_pushed(node: Nodes) -> None:
    first, second = node("first"), node("second")
    save(first, 10)
    with MetricsLog(first.folder, 1) as metrics:
        metrics.write(10, {"loss": 1.0})
    first.push(1)
    second.fetch()
    assert newest(second) == 10
    assert not (second.folder / "outbox").exists()  # the driver's to read


def test_a_push_that_is_cut_anywhere_leaves_a_whole_checkpoint_and_is_gone_on_with(
    node: Nodes, object_store: Cuttable, tmp_path: Path
) -> None:
    first = node("first")
    first.fetch()
    for iteration in (10, 20):
        save(first, iteration)
    first.push(1)
    save(first, 30)
    checkpoint.prune(first.folder, keep=2, keep_iterations=())
    write_json(first.folder / "samples" / "a.json", {})
    write_json(first.folder / "result.json", {"signature": SIGNATURE})
    shutil.copytree(tmp_path / "far", tmp_path / "before")
    seen = set()
    for cut in range(100):
        shutil.rmtree(tmp_path / "far")
        shutil.copytree(tmp_path / "before", tmp_path / "far")
        pusher, reader = Mirror(object_store, first.folder), node(f"reader{cut}")
        pusher._complete = True  # it fetched when it began, before the pruning
        object_store.left = cut
        try:
            pusher.push(1)
        except Cut:
            whole = False
        else:
            whole = True
        object_store.left = 10**9
        reader.fetch()
        found = newest(reader)
        seen.add(found)
        assert found in (20, 30)
        if (reader.folder / "result.json").exists():
            assert found == 30
            assert (reader.folder / "samples" / "a.json").exists()
        if whole:
            break
        pusher.push(1)
        again = node(f"again{cut}")
        again.fetch()
        assert newest(again) == 30
        assert {path.name for path in (again.folder / "checkpoints").iterdir()} == {"00000020", "00000030"}
    assert whole
    assert cut >= 8  # each file of the new checkpoint, each of the pruned one, the sample, the result
    assert seen == {20, 30}


def test_a_fetch_that_is_cut_leaves_no_half_checkpoint(
    node: Nodes, object_store: Cuttable, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = node("first"), node("second")
    save(first, 10)
    first.push(1)
    real = ObjectStore.download

    def cut(self: ObjectStore, name: str, path: Path) -> None:
        if name.endswith(".safetensors"):
            path.write_bytes(b"half")
            raise Cut("cut off")
        real(self, name, path)

    monkeypatch.setattr(ObjectStore, "download", cut)
    with pytest.raises(Cut):
        second.fetch()
    assert newest(second) is None
    monkeypatch.undo()
    second.fetch()
    assert newest(second) == 10


def test_a_checkpoint_that_was_damaged_on_its_way_is_replaced(node: Nodes, tmp_path: Path) -> None:
    first, second = node("first"), node("second")
    save(first, 10)
    save(first, 20)
    first.push(1)
    path = tmp_path / "far" / "trials" / SIGNATURE / "checkpoints" / "00000020" / "state.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    second.fetch()
    found = checkpoint.newest(second.folder, SIGNATURE)
    assert found is not None
    assert found.iteration == 10
    assert len(found.skipped) == 1
    save(second, 20)
    second.push(1)
    third = node("third")
    third.fetch()
    assert newest(third) == 20


def test_an_attempt_that_was_replaced_may_not_push(node: Nodes) -> None:
    driver, old = node("driver"), node("old")
    fence(driver.folder, 1)
    driver.publish()
    old.fetch()
    save(old, 10)
    old.push(1)
    fence(driver.folder, 2)
    driver.publish()
    with pytest.raises(Fenced):
        old.push(1)
    with pytest.raises(Fenced):  # the fence came with the try
        save(old, 20)
    old.push(2)


def test_a_later_fence_here_is_not_lowered(node: Nodes) -> None:
    driver, worker = node("driver"), node("worker")
    fence(driver.folder, 1)
    driver.publish()
    fence(worker.folder, 3)
    worker.fetch()
    with pytest.raises(Fenced):
        save(worker, 10, attempt=2)


def test_metrics_come_to_the_driver_as_they_grow_each_point_once(node: Nodes) -> None:
    driver, worker = node("driver"), node("worker")
    fence(driver.folder, 1)
    driver.publish()
    worker.fetch()
    position, points = None, []
    with MetricsLog(worker.folder, 1) as metrics:
        for iteration in range(1, 30):
            metrics.write(iteration, {"loss": float(iteration)})
            if iteration % 3 == 0:
                worker._exchanged = -EXCHANGE_SECONDS
                worker.exchange(1)
            if iteration % 4 == 0:
                driver.follow(1)
                new, position = metrics_log.read(driver.folder, position)
                points += new
    worker.push(1)
    driver.collect()
    new, position = metrics_log.read(driver.folder, position)
    points += new
    assert [point.iteration for point in points] == list(range(1, 30))
    assert not position.unread
    fence(driver.folder, 2)
    assert json.loads((driver.folder / "fence.json").read_text())["outboxes"]["1"] > 0


def test_a_request_to_stop_reaches_the_attempt_that_it_is_for(node: Nodes) -> None:
    driver, worker = node("driver"), node("worker")
    fence(driver.folder, 2)
    driver.publish()
    worker.fetch()
    (driver.folder / "stop-2").touch()
    driver.follow(2)
    worker.exchange(2)
    assert (worker.folder / "stop-2").exists()
    driver.retract_stop(2)
    later = node("later")
    later.fetch()
    later.exchange(3)
    assert not list(later.folder.glob("stop-*"))


def test_a_place_that_does_not_answer_holds_training_up_once_and_no_more(
    node: Nodes, object_store: Cuttable, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retable.store.mirror.EXCHANGE_SECONDS", inf)  # however long the first try takes
    worker = node("worker")
    save(worker, 10)
    with MetricsLog(worker.folder, 1) as metrics:
        metrics.write(1, {"loss": 1.0})
        object_store.left = 0
        worker.exchange(1)
        worker.exchange(1)
    assert caplog.text.count("does not answer") == 1
    object_store.left = 10**9
    worker.push(1)
    assert len(object_store.sizes(f"trials/{SIGNATURE}/outbox")) == 1


def test_the_driver_takes_all_but_models_and_keeps_what_is_its_own(node: Nodes) -> None:
    driver, worker = node("driver"), node("worker")
    write_json(driver.folder / "config.json", {"signature": SIGNATURE})
    write_json(driver.folder / "tracking" / "a.json", {"sent": 1})
    fence(driver.folder, 1)
    driver.publish()
    worker.fetch()
    assert json.loads((worker.folder / "config.json").read_text()) == {"signature": SIGNATURE}
    save(worker, 10)
    write_json(worker.folder / "result.json", {"signature": SIGNATURE})
    write_json(worker.folder / "samples" / "b.json", {})
    write_json(worker.folder / "quarantine" / "c.json", {})
    worker.push(1)
    write_json(driver.folder / "tracking" / "a.json", {"sent": 2})
    driver.collect()
    assert json.loads((driver.folder / "tracking" / "a.json").read_text()) == {"sent": 2}
    names = {
        path.relative_to(driver.folder).as_posix() for path in driver.folder.rglob("*") if path.is_file()
    }
    assert names == {"config.json", "fence.json", "tracking/a.json", "result.json", "samples/b.json"}


def test_what_the_driver_lays_into_the_folder_reaches_the_workers(node: Nodes) -> None:
    driver, worker = node("driver"), node("worker")
    save(driver, 10)  # such as weights that the user brought, or a shorter training's
    driver.publish()
    worker.fetch()
    assert newest(worker) == 10
    save(worker, 20)
    save(worker, 30)
    checkpoint.prune(worker.folder, keep=2, keep_iterations=())
    worker.push(1)
    driver.publish()  # at the end of the study: brings nothing back that was pruned on purpose
    later = node("later")
    later.fetch()
    assert newest(later) == 30


class Body(Exception):
    """What a trial fails with."""


@contextmanager
def on(name: str, tmp_path: Path, assignment: Assignment, rank: int = 0) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RETABLE_CACHE", str(tmp_path / name))
        with working_copy(assignment, rank) as here:
            yield here


class Trial:
    """As much of a trial as an assignment shows."""

    signature = SIGNATURE


def assignment(tmp_path: Path, storage: str | None, attempt: int = 1) -> Assignment:
    needed = "f" * 16
    return Assignment(
        Trial(),  # type: ignore[arg-type]
        tmp_path / "driver" / SIGNATURE,
        tmp_path,
        attempt,
        {needed: tmp_path / "driver" / needed},
        storage=storage,
    )


def test_nodes_that_share_a_folder_work_in_it(tmp_path: Path) -> None:
    given = assignment(tmp_path, None)
    with working_copy(given, 0) as (here, mirror):
        assert here is given
        assert mirror is None


def fail(here: Assignment, node: Path, rank: int) -> None:
    assert here.folder.is_relative_to(node)
    (folder,) = here.required.values()
    assert (folder / "result.json").exists()
    if rank == 1:
        write_json(here.folder / "failure-1.json", {"message": "rank 1"})
    raise Body


def test_an_attempt_works_in_its_nodes_folders_and_its_failure_reaches_the_driver(
    tmp_path: Path, object_store: ObjectStore
) -> None:
    required = Mirror(object_store, tmp_path / "maker" / ("f" * 16))
    write_json(required.folder / "result.json", {})
    required.push(1)
    given = assignment(tmp_path, object_store.url)
    for rank in (0, 1):
        with pytest.raises(Body), on(f"node{rank}", tmp_path, given, rank) as (here, _):
            fail(here, tmp_path / f"node{rank}", rank)
    driver = Mirror(object_store, tmp_path / "driver" / SIGNATURE)
    driver.collect()
    assert json.loads((driver.folder / "failure-1.json").read_text()) == {"message": "rank 1"}


def test_what_a_node_could_not_send_goes_with_its_next_attempt(
    tmp_path: Path, object_store: Cuttable
) -> None:
    given = assignment(tmp_path, object_store.url)
    with on("node", tmp_path, given) as (_, mirror):
        save(mirror, 10)
    shutil.rmtree(tmp_path / "far")  # as if it had not arrived
    with on("node", tmp_path, given):
        reader = Mirror(object_store, tmp_path / "reader" / SIGNATURE)
        reader.fetch()
        assert newest(reader) == 10


def test_each_place_has_a_folder_of_its_own_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path))
    assert local_results("s3://a/b") == local_results("s3://a/b/")
    assert local_results("s3://a/b") != local_results("s3://a/c")
    assert local_results("s3://a/b").is_relative_to(tmp_path)
