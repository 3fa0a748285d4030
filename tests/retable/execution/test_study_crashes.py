"""A study's driver is killed after any of its durable writes; the next one trains exactly what is missing.

Run as a script, this file is the harness: ``crashes FOLDER STRIDE MLFLOW`` forks a driver for every n-th durable write,
which kills itself right after it, then one that goes on, and compares with a study that was left alone.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from retable.execution import local
from retable.execution.execution import Execution
from retable.io import sqlite
from retable.planning.plan import Plan, PlannedTrial, make_plan
from retable.store import metrics_log
from retable.store.assignment import Assignment
from retable.store.ledger import FINISHED, Ledger
from retable.tracking import observer as showing_module
from retable.tracking.observer import TrackingObserver

WALKING = Path(__file__).parents[1] / "cluster" / "walking.py"


class Driver:
    """A study of three trials of two numbers, over one folder of results."""

    def __init__(self, walking: ModuleType, results: Path, mlflow: bool) -> None:
        scale = replace(
            walking.STUDY.scales["smoke"],
            tables={"1": 2},
            shrink=lambda config: replace(config, iterations=20, pause=0.0),
        )
        self.plan: Plan[Any] = make_plan(walking.STUDY, scale, "data")
        self.results, self.mlflow = results, mlflow
        self.begun: list[str] = []

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
        self.begun.append(planned.signature)

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None:
        assert state == "done", message

    def drive(self) -> None:
        """What `run` does between the plan and the tables."""
        shown = (
            TrackingObserver(self.results, self.plan, Console(quiet=True)) if self.mlflow else nullcontext()
        )
        with Ledger(self.results / "ledger.db") as ledger, shown as showing:
            observers = (self, showing) if showing is not None else (self,)
            execution = Execution(self.plan, self.results, self.results, ledger, observers)
            if showing is not None:
                showing.catch_up({record.signature: record.state for record in ledger.trials()})
            local.run_plan(execution)
            assert set(execution.states.values()) == {"done"}

    def finished(self) -> set[str]:
        """Trials that need no training: their result is there, or the ledger has it."""
        found = {path.parent.name for path in self.results.glob("trials/*/result.json")}
        if (self.results / "ledger.db").exists():
            with Ledger(self.results / "ledger.db") as ledger:
                found |= {record.signature for record in ledger.trials() if record.state in FINISHED}
        return found

    def outcome(self) -> dict[str, Any]:
        """All that must not depend on kills."""
        results = {}
        for planned in self.plan.trials:
            folder = self.results / "trials" / planned.signature
            result = json.loads((folder / "result.json").read_text())
            kept = {key: result[key] for key in ("state", "best", "scores", "history")}
            points = {
                f"{p.key} {p.iteration}": p.value
                for p in metrics_log.read(folder)[0]
                if p.key != "iterations_per_second"
            }
            results[planned.signature] = {"result": kept, "points": points}
        return results


@contextmanager
def durable_writes(after: Callable[[], None]) -> Iterator[None]:
    """Call something after each write that outlives the process: renames, outbox lines, commits of both databases."""

    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            answer = function(*arguments, **named)
            after()
            return answer

        return call

    guarded = sqlite.Database.guarded

    @contextmanager
    def told(self: sqlite.Database) -> Iterator[sqlite.Database]:
        before = self._connection.total_changes
        with guarded(self) as db:
            yield db
        if self._connection.total_changes > before:
            after()

    from sqlalchemy.engine.default import DefaultDialect

    places: list[tuple[Any, str, Callable[..., Any]]] = [
        (os, "replace", wrapped(os.replace)),
        (os, "rename", wrapped(os.rename)),
        (metrics_log.MetricsLog, "write", wrapped(metrics_log.MetricsLog.write)),
        (DefaultDialect, "do_commit", wrapped(DefaultDialect.do_commit)),
        (sqlite.Database, "guarded", told),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, function in places:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def killed_after(driver: Driver, writes: int) -> bool:
    """Drive in a child that kills itself after that many durable writes; False if it came to its end before."""
    count = 0

    def die() -> None:
        nonlocal count
        count += 1
        if count == writes:
            os.kill(os.getpid(), signal.SIGKILL)

    def drive() -> None:
        with durable_writes(die):
            driver.drive()

    return forked(drive) is None


def forked(action: Callable[[], object]) -> object:
    """What an action returns in a child of its own; None if that was killed."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, json.dumps(["ended", action()]).encode())
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read()
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the driver itself failed"
    return json.loads(answer) if answer else None


def go_on(driver: Driver) -> list[str]:
    """Drive to the end; the trials that were begun."""
    driver.drive()
    return driver.begun


def check(driver: Driver, expected: dict[str, Any]) -> None:
    """As if nothing had happened: the same numbers, each trial done once, nothing left running anywhere."""
    assert driver.outcome() == expected
    with Ledger(driver.results / "ledger.db") as ledger:
        for record in ledger.trials():
            states = [attempt.state for attempt in record.attempts]
            assert states.count("done") == 1, states
            assert states[-1] == "done"
            assert set(states[:-1]) <= {"failed"}
            assert {attempt.cause for attempt in record.attempts[:-1]} <= {"lost"}
    assert not list(driver.results.glob("trials/*/stop-*"))
    if driver.mlflow:
        forked(lambda: check_mlflow(driver))


def check_mlflow(driver: Driver) -> None:
    """One run a trial and one of the study, all finished, each point once."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{driver.results}/mlflow.db")
    experiment = client.get_experiment_by_name("walking")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == len(driver.plan.trials) + 1, [run.info.run_name for run in runs]
    assert {run.info.status for run in runs} == {"FINISHED"}
    signatures = [run.data.tags.get("retable.signature") for run in runs]
    for planned in driver.plan.trials:
        assert signatures.count(planned.signature) == 1
        run = runs[signatures.index(planned.signature)]
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "place")]
        assert steps == list(range(10, planned.trial.config.iterations + 1, 10))


def make_database(folder: Path) -> None:
    """An empty database of MLflow's, which takes it seconds to make."""
    from mlflow import MlflowClient

    MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()


def crashes(root: Path, stride: int, mlflow: bool) -> int:
    """How many places the driver was killed at."""
    spec = importlib.util.spec_from_file_location("walking", WALKING)
    assert spec is not None
    assert spec.loader is not None
    walking = importlib.util.module_from_spec(spec)
    sys.modules["walking"] = walking
    spec.loader.exec_module(walking)
    walking.Walker.samples = lambda self: None  # videos are not what this is about, and slow
    os.fsync = lambda handle: None  # type: ignore[assignment]  # a kill loses nothing that was handed to the system
    if mlflow:
        showing_module.CLOSE_SECONDS = 900.0  # all is delivered at the end, however slow this machine is
        importlib.import_module("mlflow.store.tracking.sqlalchemy_store")  # once, not in every child
    whole = Driver(walking, root / "whole", mlflow)
    forked(whole.drive)
    expected = whole.outcome()
    if mlflow:
        forked(lambda: make_database(root))
    count, at = 0, 1
    while True:
        results = root / str(at)
        results.mkdir()
        if mlflow:
            shutil.copy(root / "mlflow.db", results / "mlflow.db")
        if not killed_after(Driver(walking, results, mlflow), at):
            return count
        driver = Driver(walking, results, mlflow)
        missing = {planned.signature for planned in driver.plan.trials} - driver.finished()
        answer = forked(lambda: go_on(driver))  # noqa: B023  (called at once)
        assert isinstance(answer, list)
        begun = answer[1]
        assert sorted(begun) == sorted(missing), (at, begun, missing)
        check(driver, expected)
        shutil.rmtree(results)
        count += 1
        at += stride


def harness(folder: Path, stride: int, mlflow: bool) -> int:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(
        [sys.executable, __file__, str(folder), str(stride), str(int(mlflow))],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.splitlines()[-1])


def test_a_driver_killed_after_any_durable_write_costs_no_finished_trial(tmp_path: Path) -> None:
    assert harness(tmp_path, 1, mlflow=False) >= 40


def test_a_driver_killed_while_it_tells_mlflow_leaves_one_run_a_trial(tmp_path: Path) -> None:
    assert harness(tmp_path, 60, mlflow=True) >= 2


@pytest.mark.slow
def test_a_driver_killed_after_every_single_durable_write_mlflow_included(tmp_path: Path) -> None:
    assert harness(tmp_path, 1, mlflow=True) >= 100


if __name__ == "__main__":
    with TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else sys.argv[1]) as memory:
        sys.stdout.write(f"{crashes(Path(memory), int(sys.argv[2]), sys.argv[3] == '1')}\n")
