"""The uploader loses nothing, repeats nothing and delays nobody. The tracker is a fake; see test_shipping_to_mlflow.py."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from retable.io.files import write_text
from retable.store.metrics_log import MetricsLog, Point
from retable.tracking.mlflow import Tracker
from retable.tracking.runs import TrialRun
from retable.tracking.uploader import Uploader

PAUSE = 0.01
PATIENCE = 300  # seconds: nothing takes so long, on no machine; what is done sooner waits for nothing


class FakeTracker(Tracker):
    """Keeps what it is given, as a server does, and fails when it is told to."""

    def __init__(self, results: Path) -> None:
        super().__init__("https://me:secret@tracker.example", "e", results)
        self.stored: dict[str, dict[tuple[str, int, float | None], int]] = {}  # run -> points, and how often
        self.calls: list[str] = []
        self.files: dict[str, dict[str, str]] = {}
        self.told: dict[str, dict[str, str]] = {}
        self.ended: dict[str, str] = {}
        self.studies: dict[tuple[str, str], list[str]] = {}
        self.failure: Callable[[str], None] = lambda call: None

    def _call(self, name: str) -> None:
        self.calls.append(name)
        self.failure(name)

    def open(self, trial: TrialRun, training: str, *, known: str | None, start_ms: int, running: bool) -> str:
        run_id = f"{trial.study}/{trial.scale}/{trial.signature}"
        self.stored.setdefault(run_id, {})
        self.files.setdefault(run_id, {})
        self.told.setdefault(run_id, {}).update({**trial.attempt, **trial.tags})
        if running:
            self.ended.pop(run_id, None)
        self._call("open")
        return run_id

    def log(self, run_id: str, points: Sequence[Point]) -> None:
        for point in points:
            stored = self.stored[run_id]
            key = (point.key, point.iteration, point.value)
            stored[key] = stored.get(key, 0) + 1
        self._call("log")

    def tag(self, run_id: str, key: str, value: str) -> None:
        self.told[run_id][key] = value
        self._call("tag")

    def upload(self, run_id: str, folder: Path, file: str) -> None:
        self.files[run_id][file] = (folder / file).read_text()
        self._call("upload")

    def end(self, trial: TrialRun, run_id: str, state: str, end_ms: int) -> None:
        self.ended[run_id] = state
        self._call("end")

    def end_study(self, study: str, scale: str, states: Sequence[str], end_ms: int) -> None:
        self.studies[study, scale] = sorted(states)
        self._call("end_study")

    def reconcile(self, study: str, scale: str, states: Mapping[str, str], end_ms: int) -> list[str]:
        self.told["reconciled"] = dict(states)
        self._call("reconcile")
        return []


@pytest.fixture
def tracker(tmp_path: Path) -> FakeTracker:
    return FakeTracker(tmp_path)


def trial(tracker: Tracker, signature: str = "a", **changed: Any) -> TrialRun:
    told: dict[str, Any] = {
        "study": "s",
        "scale": "smoke",
        "signature": signature,
        "name": signature,
        "folder": tracker.results / "trials" / signature,
    }
    return TrialRun(**told | changed)


def write(trial: TrialRun, iterations: range, attempt: int = 1) -> None:
    with MetricsLog(trial.folder, attempt) as metrics_log:
        for iteration in iterations:
            metrics_log.write(iteration, {"loss": iteration / 10}, kind="train")


def expected(iterations: range) -> dict[tuple[str, int, float | None], int]:
    return {("loss", i, i / 10): 1 for i in iterations}


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def silent(message: str) -> None:
    raise AssertionError(message)


def test_points_files_and_states_arrive_in_order(tracker: FakeTracker) -> None:
    uploader = Uploader(tracker, silent, PAUSE)
    one = trial(tracker)
    one.folder.mkdir(parents=True)
    (one.folder / "config.json").write_text("{}")
    uploader.watch(one)
    write(one, range(2500))
    until(lambda: len(tracker.stored.get("s/smoke/a", {})) == 2500)
    assert "s/smoke/a" not in tracker.ended
    (one.folder / "samples").mkdir()
    (one.folder / "samples" / "1.png").write_text("picture")
    with MetricsLog(one.folder, 1) as metrics_log:
        metrics_log.write(2500, {"is2048x10": 3.0}, kind="evaluation")
    uploader.finish("a", "done", {"protocols": "is2048x10"})
    assert uploader.close(PATIENCE) == 0
    stored = tracker.stored["s/smoke/a"]
    assert stored == {**expected(range(2500)), ("is2048x10", 2500, 3.0): 1}
    assert [iteration for _, iteration, _ in stored] == list(range(2501))
    assert tracker.files["s/smoke/a"] == {"config.json": "{}", "samples/1.png": "picture"}
    assert tracker.told["s/smoke/a"] == {"protocols": "is2048x10"}
    assert tracker.ended == {"s/smoke/a": "done"}
    assert tracker.studies == {("s", "smoke"): ["done"]}
    assert tracker.calls[-2:] == ["end", "end_study"]
    assert not uploader._thread.is_alive()


def test_the_next_process_goes_on_where_the_last_one_was(tracker: FakeTracker) -> None:
    one = trial(tracker, attempt={"commit": "old"})
    first = Uploader(tracker, silent, PAUSE)
    first.watch(one)
    write(one, range(10))
    assert first.close(PATIENCE) == 0
    assert tracker.ended == {"s/smoke/a": "stopped"}

    second = Uploader(tracker, silent, PAUSE)
    second.watch(trial(tracker, attempt={"commit": "new"}))
    write(one, range(5, 20), attempt=2)  # repeats five iterations
    until(lambda: len(tracker.stored["s/smoke/a"]) == 20)
    assert "s/smoke/a" not in tracker.ended
    second.finish("a", "done")
    assert second.close(PATIENCE) == 0
    assert tracker.stored["s/smoke/a"] == expected(range(20))

    tracker.calls.clear()
    third = Uploader(tracker, silent, PAUSE)
    third.watch(trial(tracker, tags={"cells": "more"}), "done")
    assert third.close(PATIENCE) == 0
    assert tracker.calls == ["open", "end_study"]
    assert tracker.told["s/smoke/a"] == {"commit": "new", "cells": "more"}  # who looks on did not train it


def test_a_failing_server_loses_and_doubles_nothing_that_the_store_would_not(tracker: FakeTracker) -> None:
    """A third of the calls fail, after they were carried out: the answer was lost."""
    dice = random.Random(0)

    def fail(call: str) -> None:
        if dice.random() < 1 / 3:
            raise ConnectionError("no answer")

    tracker.failure = fail
    uploader = Uploader(tracker, lambda message: None, PAUSE)
    trials = [trial(tracker, name) for name in "abc"]
    for one in trials:
        uploader.watch(one)
        write(one, range(50))
        (one.folder / "config.json").write_text(one.signature)
        uploader.finish(one.signature, "done")
    until(lambda: uploader.pending() == 0)
    assert uploader.close(PATIENCE) == 0
    for one in trials:
        assert set(tracker.stored[f"s/smoke/{one.signature}"]) == set(expected(range(50)))
        assert tracker.files[f"s/smoke/{one.signature}"] == {"config.json": one.signature}
        assert tracker.ended[f"s/smoke/{one.signature}"] == "done"


def test_a_dead_server_delays_no_one_and_the_next_run_delivers(tracker: FakeTracker) -> None:
    def dead(call: str) -> None:
        raise ConnectionError("POST https://me:secret@tracker.example/api refused\nand much more")

    tracker.failure = dead
    said: list[str] = []
    uploader = Uploader(tracker, said.append, PAUSE)
    one = trial(tracker)
    uploader.watch(one)
    write(one, range(30))
    (one.folder / "config.json").write_text("{}")
    uploader.finish("a", "collapsed")
    assert uploader.close(PATIENCE) == 30 + 1 + 1  # points, file, state
    assert len(said) == 1
    assert said[0].startswith(
        "MLflow at https://tracker.example does not accept everything "
        "(ConnectionError: POST https://tracker.example/api refused)."
    )

    tracker.failure = lambda call: None
    tracker.stored.clear()  # a fake stores before it fails
    later = Uploader(tracker, silent, PAUSE)
    later.reconcile("s", "toy", {})
    later.reconcile("s", "smoke", {})
    assert later.close(PATIENCE) == 0
    assert tracker.stored["s/smoke/a"] == expected(range(30))
    assert tracker.ended == {"s/smoke/a": "collapsed"}
    assert list(tracker.studies) == [("s", "smoke")]


def test_a_hung_server_does_not_hold_close_up(tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, waited = threading.Event(), list[float]()

    def hang(call: str) -> None:
        answer.wait(2 * PATIENCE)

    tracker.failure = hang
    uploader = Uploader(tracker, silent, PAUSE)
    one = trial(tracker)
    join = uploader._thread.join

    def noted(seconds: float) -> None:
        waited.append(seconds)
        join(seconds)

    monkeypatch.setattr(uploader._thread, "join", noted)
    uploader.watch(one)
    write(one, range(30))
    uploader.finish("a", "done")
    assert uploader.close(0.2) == 31  # after the answer it would be none
    assert waited == [0.2]
    answer.set()
    join(PATIENCE)
    assert uploader.pending() == 0
    assert tracker.stored["s/smoke/a"] == expected(range(30))


def test_a_server_that_is_too_slow_for_a_batch_gets_smaller_ones(tracker: FakeTracker) -> None:
    class Slow(FakeTracker):
        def log(self, run_id: str, points: Sequence[Point]) -> None:
            if len(points) > 60:
                raise TimeoutError("no answer in 10 seconds")
            super().log(run_id, points)

    slow = Slow(tracker.results)
    uploader = Uploader(slow, lambda message: None, PAUSE)
    uploader.watch(trial(slow))
    write(trial(slow), range(500))
    uploader.finish("a", "done")
    until(lambda: uploader.pending() == 0)
    assert uploader.close(PATIENCE) == 0
    assert slow.stored["s/smoke/a"] == expected(range(500))  # none is sent twice by one process


def test_one_refused_trial_does_not_hold_up_the_others(tracker: FakeTracker) -> None:
    class Refusing(FakeTracker):
        def open(self, trial: TrialRun, training: str, **rest: Any) -> str:
            if trial.signature == "a":
                raise ValueError("a tag is too long")
            return super().open(trial, training, **rest)

    refusing, said = Refusing(tracker.results), list[str]()
    uploader = Uploader(refusing, said.append, PAUSE)
    for name in "abc":
        uploader.watch(trial(refusing, name))
        write(trial(refusing, name), range(5))
        uploader.finish(name, "done")
    assert uploader.close(PATIENCE) == 6
    assert refusing.ended == {"s/smoke/b": "done", "s/smoke/c": "done"}
    assert len(said) == 1


def test_another_server_gets_all_of_it(tracker: FakeTracker) -> None:
    one = trial(tracker)
    write(one, range(10))
    for place in ("sqlite:///x.db", "http://other"):
        here = FakeTracker(tracker.results)
        here.uri = place
        uploader = Uploader(here, silent, PAUSE)
        uploader.watch(one, "done")
        assert uploader.close(PATIENCE) == 0
        assert here.stored["s/smoke/a"] == expected(range(10))
        assert here.ended == {"s/smoke/a": "done"}


def test_results_that_moved_are_shipped_from_where_they_are(tracker: FakeTracker, tmp_path: Path) -> None:
    old = Uploader(tracker, silent, PAUSE)
    one = trial(tracker)
    old.watch(one)
    write(one, range(3))
    assert old.close(PATIENCE) == 0
    write(one, range(3, 6), attempt=2)
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "trials").rename(moved / "trials")
    there = FakeTracker(moved)
    there.stored = tracker.stored
    uploader = Uploader(there, silent, PAUSE)
    uploader.reconcile("s", "smoke", {"a": "done"})
    assert uploader.drain(PATIENCE) == 0
    assert there.stored["s/smoke/a"] == expected(range(6))


def test_a_replaced_artifact_is_sent_again(tracker: FakeTracker) -> None:
    uploader = Uploader(tracker, silent, PAUSE)
    one = trial(tracker)
    one.folder.mkdir(parents=True)
    for text in ("one", "two two"):
        write_text(one.folder / "config.json", text)  # whole, as it is written by the execution
        uploader.watch(one)
        until(lambda text=text: tracker.files.get("s/smoke/a", {}).get("config.json") == text)  # type: ignore[misc]
    assert uploader.close(PATIENCE) == 0
    assert tracker.calls.count("upload") == 2


def test_a_trial_that_another_process_took_over_is_let_be(tracker: FakeTracker) -> None:
    uploader = Uploader(tracker, silent, PAUSE)
    uploader.watch(trial(tracker))
    until(lambda: "open" in tracker.calls)
    uploader.release("a")
    uploader.finish("unknown", "blocked")
    assert uploader.close(PATIENCE) == 0
    assert tracker.ended == {}
    assert tracker.studies == {}


def test_the_ledger_is_asked_about_what_is_not_trained_here(tracker: FakeTracker) -> None:
    uploader = Uploader(tracker, silent, PAUSE)
    uploader.watch(trial(tracker))
    uploader.reconcile("s", "smoke", {"a": "failed", "b": "failed", "c": "running"})
    until(lambda: "reconciled" in tracker.told)
    assert tracker.told["reconciled"] == {"a": "running", "b": "failed", "c": "running"}
    assert uploader.close(PATIENCE) == 0


def test_after_a_killed_driver_the_ledger_says_what_became_of_its_trials(tracker: FakeTracker) -> None:
    states = {"a": "failed", "b": "running", "c": "done"}
    killed = Uploader(tracker, silent, PAUSE)
    for name in [*states, "unknown"]:
        killed.watch(trial(tracker, name))
        write(trial(tracker, name), range(3))
    until(lambda: all(len(tracker.stored.get(f"s/smoke/{name}", {})) == 3 for name in [*states, "unknown"]))
    killed.drain(PATIENCE)  # as the death of the process: nobody says how the trials ended
    assert tracker.ended == {}
    assert tracker.studies == {}

    after = Uploader(tracker, silent, PAUSE)
    after.reconcile("s", "smoke", states)
    assert after.close(PATIENCE) == 0
    assert tracker.ended == {"s/smoke/a": "failed", "s/smoke/c": "done", "s/smoke/unknown": "stopped"}
