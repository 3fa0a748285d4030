import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.distributed as dist

from retable.cli.main import main
from retable.data.embedded.clips import ensure_embedded
from retable.execution import local
from retable.execution.execution import Execution
from retable.execution.sync import Storage, results_folder
from retable.planning.plan import Plan, make_plan
from retable.store import checkpoint, metrics_log
from retable.store.assignment import Assignment
from retable.store.fence import fence
from retable.store.ledger import Ledger
from retable.store.mirror import Mirror
from retable.store.working_copy import local_results, working_copy
from retable.training import loop
from retable.training.run import AssignedRun
from retable.trial.distributed import Workers

Host = Callable[[str], Path]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return (tmp_path / "far").as_uri()


@pytest.fixture
def host(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Host:
    """From now on this process is on the host of that name; gives its copy of the results."""

    def move(name: str) -> Path:
        monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / name))
        return results_folder(url)

    return move


def plan_of(walking: ModuleType) -> Plan[Any]:
    scale = replace(
        walking.STUDY.scales["smoke"],
        tables={"1": 2},
        shrink=lambda config: replace(config, iterations=20, pause=0.0),
    )
    return make_plan(walking.STUDY, scale, "data")


def drive(walking: ModuleType, results: Path, stop_after: int | None = None) -> dict[str, str]:
    """What `run` does between the plan and the tables; gives the states."""
    storage = Storage.of(results)
    assert storage is not None
    storage.refresh()
    with Ledger(results / "ledger.db") as ledger, storage.driving(ledger):
        execution = Execution(plan_of(walking), results, results, ledger, (storage,), storage=storage)
        if stop_after is not None:
            execution.observers += (StopAfter(execution, stop_after),)
        local.run_plan(execution)
        return execution.states


class StopAfter:
    """Stops an execution after so many trials."""

    def __init__(self, execution: Execution, trials: int) -> None:
        self.execution, self.left = execution, trials

    def began(self, planned: object, assignment: object) -> None:
        self.left -= 1

    def ended(self, planned: object, state: str, message: str) -> None:
        self.execution.stopping = self.left == 0


def test_a_folder_of_results_knows_its_place(host: Host, url: str, tmp_path: Path) -> None:
    results = host("head")
    storage = Storage.of(results)
    assert storage is not None
    assert (storage.url, storage.results) == (url, results)
    assert Storage.of(tmp_path) is None


def test_a_study_that_one_head_began_another_ends(host: Host, walking: ModuleType, tmp_path: Path) -> None:
    first = host("first head")
    states = drive(walking, first, stop_after=1)
    assert sorted(states.values()) == ["done", "waiting", "waiting"]
    shutil.rmtree(tmp_path / "first head")
    second = host("second head")
    assert set(drive(walking, second).values()) == {"done"}
    with Ledger(second / "ledger.db") as ledger:
        attempts = {record.signature: len(record.attempts) for record in ledger.trials()}
    assert set(attempts.values()) == {1}
    alone = tmp_path / "alone"
    with Ledger(alone / "ledger.db") as ledger:
        execution = Execution(plan_of(walking), alone, alone, ledger)
        local.run_plan(execution)
    third = host("third head")
    storage = Storage.of(third)
    assert storage is not None
    storage.refresh(checkpoints=True)
    for signature in attempts:
        here, there = third / "trials" / signature, alone / "trials" / signature
        results = [json.loads((folder / "result.json").read_text()) for folder in (here, there)]
        assert results[0]["scores"] == results[1]["scores"]
        assert results[0]["history"] == results[1]["history"]
        points = [
            {
                (p.key, p.iteration, p.value)
                for p in metrics_log.read(folder)[0]
                if p.key != "iterations_per_second"
            }
            for folder in (here, there)
        ]
        assert points[0] == points[1]
        saved = [checkpoint.newest(folder, signature) for folder in (here, there)]
        assert saved[0] is not None
        assert saved[1] is not None
        assert saved[0].hashes["state.safetensors"] == saved[1].hashes["state.safetensors"]


def test_finished_trials_are_never_begun_again_from_a_copy_that_lags(host: Host, walking: ModuleType) -> None:
    old = host("old")
    drive(walking, old, stop_after=1)
    drive(walking, host("new"))
    again = host("old")
    assert set(drive(walking, again).values()) == {"done"}
    with Ledger(again / "ledger.db") as ledger:
        assert {len(record.attempts) for record in ledger.trials()} == {1}


def test_a_ledger_that_is_ahead_of_its_copy_is_kept(host: Host, walking: ModuleType) -> None:
    results = host("head")
    drive(walking, results, stop_after=1)
    with Ledger(results / "ledger.db") as ledger:  # by a driver that was killed before it could copy this
        waiting = next(record.signature for record in ledger.trials() if record.state == "missing")
        ledger.begin(waiting)
    storage = Storage.of(results)
    assert storage is not None
    storage.refresh()
    with Ledger(results / "ledger.db") as ledger:
        assert len(ledger.trial(waiting).attempts) == 1


def test_two_drivers_on_one_host_are_refused(host: Host) -> None:
    results = host("head")
    one, two = Storage.of(results), Storage.of(results)
    assert one is not None
    assert two is not None
    with Ledger(results / "ledger.db") as ledger, one.driving(ledger):
        two.refresh()  # looking is allowed, and leaves the driver's ledger alone
        with pytest.raises(BlockingIOError, match="wait for it"), two.driving(ledger):
            pass


def test_status_from_another_host(
    host: Host, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = Path(__file__).parents[1] / "cluster" / "walking.py"
    host("laptop")
    assert main(arguments=["status", str(study), "--data", str(tmp_path), "--out", url]) in (0, 1, 2)
    assert (local_results(url) / ".storage-url").read_text() == f"{url}\n"
    assert main(arguments=["status", str(study), "--data", str(tmp_path), "--out", "what://x"]) == 2
    assert "give s3://BUCKET/FOLDER" in capsys.readouterr().err


# --- A worker group whose nodes share nothing but the URL ---------------------------------------------------------------


def as_worker(workers: Workers, folder: Path) -> Any:
    """Each rank is a node of its own: trains, is asked to stop, is replaced, and goes on."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "cluster"))
    walking = importlib.import_module("walking")
    os.environ["RETABLE_CACHE"] = str(folder / f"node{workers.rank}")
    trial = plan_of(walking).trials[0].trial
    trial = replace(trial, config=replace(trial.config, iterations=40, snapshot_every=10))
    url = (folder / "far").as_uri()
    driver = Mirror(
        Storage(url, folder / "driver").object_store, folder / "driver" / "trials" / trial.signature
    )
    states = []
    for attempt, stop in ((1, True), (2, False)):
        if workers.rank == 0:
            fence(driver.folder, attempt)
            if stop:
                (driver.folder / f"stop-{attempt}").touch()
            driver.publish()
        dist.barrier()
        assignment = Assignment(trial, driver.folder, folder, attempt, {}, storage=url)
        with working_copy(assignment, workers.rank) as (here, mirror):
            run = AssignedRun(here, workers.rank, workers.size, torch.device("cpu"), mirror=mirror)
            states.append(loop.train(trial, run))
        dist.barrier()
        if attempt == 1 and workers.rank == 0:  # the first rank's node is lost, and comes back empty
            shutil.rmtree(folder / "node0")
        dist.barrier()
    files = sorted(p.name for p in (folder / f"node{workers.rank}").rglob("checkpoints/*"))
    return {"states": states, "checkpoints": files, "signature": trial.signature}


def test_a_worker_group_over_nodes_that_share_no_folder_is_stopped_and_goes_on(
    worker_group: Any, tmp_path: Path
) -> None:
    first, second = worker_group(__file__, 2, tmp_path)
    assert first["states"] == second["states"] == ["stopped", "done"]
    assert first["checkpoints"][-1] == "00000040"
    assert "00000010" in second["checkpoints"]
    far = tmp_path / "far" / "trials" / first["signature"]
    assert json.loads((far / "result.json").read_text())["state"] == "done"
    assert {path.stem for path in (far / "outbox").iterdir()} == {"000001", "000002"}


# --- The command line --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_study_by_the_command_line_with_results_under_a_url(tmp_path: Path) -> None:
    study = Path(__file__).parents[1] / "cluster" / "walking.py"
    url, data = (tmp_path / "far").as_uri(), ensure_embedded(tmp_path / "data", 2)

    def run(host: str) -> str:
        environment = {**os.environ, "RETABLE_CACHE": str(tmp_path / host), "MLFLOW_TRACKING_URI": ""}
        command = [sys.executable, str(study), "--local", "--out", url, "--data", str(data)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "4 to train" in run("head")
    assert "0 to train" in run("another head")
