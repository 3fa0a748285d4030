"""A study as a user runs it, on a Ray of its own: a killed rank, an error, a second run, and what is left behind."""

import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from typing import Any

import pandas as pd
import pytest

from retable.data.embedded.clips import ensure_embedded
from retable.store.ledger import Ledger

SCRIPT = Path(__file__).with_name("walking.py")
DEADLINE = 900  # seconds, on a busy machine
PATIENCE = 180  # for what ends by itself; Ray's agents notice after a minute that nobody is left


@dataclass
class Place:
    """A folder of results and the environment in which the study is run over it."""

    folder: Path
    environment: dict[str, str]

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def fault(self, name: str) -> None:
        (self.folder / "faults" / name).touch()

    def start(self, *options: str, results: str = "results") -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            str(SCRIPT),
            "--data",
            str(self.folder / "data"),
            "--out",
            results,
            *options,
        ]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *options: str, results: str = "results") -> tuple[int, str]:
        process = self.start(*options, results=results)
        try:
            output, _ = process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            raise
        return process.returncode, output

    def states(self) -> dict[str, list[str]]:
        with Ledger(self.results / "ledger.db") as ledger:
            return {record.name: [a.state for a in record.attempts] for record in ledger.trials()}

    def runs(self, results: str) -> list[Any]:
        """What MLflow has of the study."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.folder / results}/mlflow.db")
        experiment = client.get_experiment_by_name("walking")
        return list(client.search_runs([experiment.experiment_id]))

    def processes(self) -> list[str]:
        """Command lines of living processes that carry this place's mark in their environment."""
        mark = f"WALKING_FAULTS={self.environment['WALKING_FAULTS']}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue  # it ended while we looked, or is not ours
        return found

    def processes_after(self, seconds: float) -> list[str]:
        """Those that are still there when they have had that long to end."""
        until = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.2)
        return left


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("study")
    (folder / "faults").mkdir()
    (folder / "data").symlink_to(ensure_embedded(folder / "cache", 2))
    (folder / "token").write_text(secrets.token_hex(32))  # a home folder may not be there, or not be writable
    (folder / "token").chmod(0o600)
    environment = {
        **os.environ,
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RETABLE_CACHE": str(folder / "cache"),
        "WALKING_FAULTS": str(folder / "faults"),
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    return Place(folder, environment)


@dataclass(frozen=True)
class Ran:
    """What a run left: its exit code, what it printed, and the states of each trial's attempts right after it."""

    code: int
    output: str
    states: dict[str, list[str]]


@pytest.fixture(scope="module")
def first(place: Place) -> Ran:
    """The first run: one rank of s_t=2 is killed, and the code of s_t=1 raises."""
    place.fault("kill-2")
    place.fault("error-1")
    return Ran(*place.run("--workers", "2"), place.states())


@pytest.fixture(scope="module")
def second(place: Place, first: Ran) -> Ran:
    """The second run: with one worker, and the code mended."""
    return Ran(*place.run("--workers", "1", "--retry", "code"), place.states())


def test_a_worker_group_that_loses_a_rank_is_replaced(place: Place, first: Ran) -> None:
    assert first.states["s_t=2 batch_size=4"] == ["failed", "done"], first.output
    (folder,) = (
        f.parent
        for f in place.results.glob("trials/*/config.json")
        if json.loads(f.read_text())["config"]["s_t"] == 2
    )
    assert list(json.loads((folder / "result.json").read_text())["history"]) == ["10", "20", "30", "40"]


def test_an_error_of_the_code_is_told_and_costs_the_others_nothing(first: Ran) -> None:
    assert first.code == 1
    assert "ArithmeticError: asked to fail at iteration 25" in first.output
    assert "Not finished: s_t=1 batch_size=4 (failed: code)" in first.output
    told = "`status` shows why trials failed. When the cause is mended, `retry` trains them again."
    assert told in first.output
    assert first.states["s_t=1 batch_size=4"] == ["failed"]
    assert first.states["s_t=3 batch_size=3"] == ["done"]


def test_something_is_said_every_few_seconds(first: Ran) -> None:
    """By the times in the lines: of how many they are a fast machine decides, and one stall makes one gap long."""
    told = re.findall(r"of 4 trials finished, \d of 3 cells, (?:(\d+) min )?(\d+) s", first.output)
    said = [60 * int(minutes or 0) + int(seconds) for minutes, seconds in told]
    assert len(said) > 1, first.output
    assert median_low(after - before for before, after in pairwise([0, *said])) < 10


def test_nothing_is_left_running(place: Place, first: Ran) -> None:
    assert place.processes_after(PATIENCE) == []
    assert not (place.results / "ray").exists()


def test_the_second_run_trains_what_is_missing_and_the_third_nothing(place: Place, second: Ran) -> None:
    assert second.code == 0, second.output
    assert second.states == {
        "judge": ["done"],
        "s_t=1 batch_size=4": ["failed", "done"],
        "s_t=2 batch_size=4": ["failed", "done"],
        "s_t=3 batch_size=3": ["done"],
    }
    place.environment["RAY_TMPDIR"] = "/dev/null"  # no Ray can start now, and none is to
    code, again = place.run()
    del place.environment["RAY_TMPDIR"]
    assert code == 0, again
    assert "4 finished, 0 to train" in again
    assert place.states() == second.states
    assert again[again.rindex("Table 1.") :] == second.output[second.output.rindex("Table 1.") :]

    # Workers, kills and restarts change nothing: one worker in one process gives the same table.
    assert place.run("--local", results="local")[0] == 0
    ray, local = (
        pd.read_parquet(place.folder / name / "tables" / "walking" / "table_1.parquet")["value"]
        for name in ("results", "local")
    )
    pd.testing.assert_series_equal(ray, local, rtol=1e-6)


def test_mlflow_has_each_trial_once_and_none_running(place: Place, second: Ran) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{place.results}/mlflow.db")
    runs = place.runs("results")
    assert len(runs) == 5  # four trials and the study
    assert {run.info.status for run in runs} == {"FINISHED"}
    walk = next(run for run in runs if run.data.params.get("s_t") == "2")
    assert walk.data.tags["retable.cells"] == "1: 2, accuracy"
    assert [m.step for m in client.get_metric_history(walk.info.run_id, "place")] == [10, 20, 30, 40]
    assert "samples" in {file.path for file in client.list_artifacts(walk.info.run_id)}


def test_a_worker_group_that_can_never_be_placed_is_refused(place: Place) -> None:
    code, output = place.run("--workers", "1000", results="refused")
    assert code == 2
    assert "asked for 1000 workers of 1 CPUs" in output
    assert "lower --workers or add nodes" in output
    assert not list((place.folder / "refused").glob("trials/*"))
    assert place.processes_after(PATIENCE) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "seconds"),
    [
        (signal.SIGINT, 8.0),  # in the middle of the first walk's worker group
        (signal.SIGKILL, 8.0),
        *((signal.SIGKILL, random.uniform(0, 60)) for _ in range(3)),
    ],
    ids=["interrupt", "kill", "kill at random", "again", "and again"],
)
def test_an_interrupted_study_goes_on_where_it_was(
    place: Place, kill: signal.Signals, seconds: float
) -> None:
    results = f"after-{kill.name}-{seconds}"
    process = place.start("--workers", "2", results=results)
    assert process.stdout is not None
    for line in process.stdout:
        if "done  judge" in line:
            break
    time.sleep(seconds)
    process.send_signal(kill)
    rest = process.stdout.read()
    process.stdout.close()
    code = process.wait(DEADLINE)
    assert place.processes_after(PATIENCE) == []
    if kill == signal.SIGINT:
        assert code == 130, rest
        assert "Run the same command again to go on" in rest
    finished = len(list((place.folder / results).glob("trials/*/result.json")))
    code, output = place.run("--workers", "2", results=results)
    assert code == 0, output
    assert f"{finished} finished, {4 - finished} to train" in output, seconds
    with Ledger(place.folder / results / "ledger.db") as ledger:
        for record in ledger.trials():
            assert [attempt.state for attempt in record.attempts].count("done") == 1, seconds
            assert record.state == "done"
    runs = place.runs(results)
    assert len(runs) == 5, seconds  # four trials and the study
    assert {run.info.status for run in runs} == {"FINISHED"}, seconds
