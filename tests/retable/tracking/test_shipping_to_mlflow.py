"""From the metrics log to MLflow, whole: dead, hung and flaky servers, killed drivers, and in the end the same points."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from retable.cli.main import main
from retable.store import metrics_log
from retable.tracking.mlflow import Tracker
from retable.tracking.runs import TrialRun, default_uri
from retable.tracking.uploader import Uploader

pytestmark = pytest.mark.filterwarnings("ignore:The ..noload:DeprecationWarning")  # inside MLflow 3.17

PAUSE = 0.02
PATIENCE = 300  # seconds: nothing takes so long, on no machine; what is done sooner waits for nothing


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was migrated once, to copy: it takes seconds."""
    results = tmp_path_factory.mktemp("template")
    assert Tracker(f"sqlite:///{results}/mlflow.db", "warm", results)._experiment_id
    return results / "mlflow.db"


@pytest.fixture
def results(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    shutil.copy(empty_database, tmp_path)
    return tmp_path


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A server that refuses connections; once it listens, it takes them and never answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held


def trial(results: Path, signature: str = "0123456789abcdef") -> TrialRun:
    return TrialRun(
        study="subsampling",
        scale="smoke",
        signature=signature,
        name=f"trial {signature}",
        folder=results / "trials" / signature,
        parameters={"s_t": 2, "lambda": 0.5},
        tags={"seed": "0"},
    )


def write(trial: TrialRun, iterations: range, attempt: int = 1) -> float:
    """Write as the loop does. Returns the longest time that a write took, in seconds."""
    longest = 0.0
    with metrics_log.MetricsLog(trial.folder, attempt) as box:
        for iteration in iterations:
            started = time.monotonic()
            box.write(iteration, {"loss_g": iteration / 10, "loss_d": float("nan")}, kind="train")
            longest = max(longest, time.monotonic() - started)
            if iteration % 50 == 0:
                box.write(iteration, {"is2048x10_c3d-1a2b3c_s1": iteration / 50}, kind="evaluation")
    (trial.folder / "samples").mkdir(exist_ok=True)
    (trial.folder / "samples" / "00000100.png").write_bytes(b"picture")
    (trial.folder / "config.json").write_text("{}")
    return longest


def shown(tracker: Tracker, run_id: str) -> dict[str, list[tuple[int, float, int]]]:
    """What MLflow has of a run, in its order; NaN as -1."""
    client = tracker._client
    return {
        key: [
            (m.step, -1.0 if m.value != m.value else m.value, m.timestamp)
            for m in client.get_metric_history(run_id, key)
        ]
        for key in client.get_run(run_id).data.metrics
    }


def written(trial: TrialRun) -> dict[str, list[tuple[int, float, int]]]:
    points, _ = metrics_log.read(trial.folder)
    found: dict[str, list[tuple[int, float, int]]] = {}
    for p in points:
        found.setdefault(p.key, []).append((p.iteration, -1.0 if p.value is None else p.value, p.time_ms))
    return found


def check(tracker: Tracker, statuses: dict[str, str]) -> None:
    """One run a trial with all its points once and in order, under one ended parent."""
    runs = tracker._client.search_runs([tracker._experiment_id])
    parents = [run for run in runs if run.data.tags.get("retable.kind") == "study"]
    children = [run for run in runs if run not in parents]
    assert len(parents) == 1
    assert {run.data.tags["retable.signature"]: run.info.status for run in children} == statuses
    assert len(children) == len(statuses)
    assert parents[0].info.status != "RUNNING"
    for run in children:
        assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        assert run.data.params == {"s_t": "2", "lambda": "0.5"}
        assert run.info.end_time <= parents[0].info.end_time
        folder = tracker.results / "trials" / run.data.tags["retable.signature"]
        one = trial(tracker.results, folder.name)
        assert shown(tracker, run.info.run_id) == written(one)
        stored = {path.name for path in (tracker.results / "mlartifacts" / run.info.run_id).rglob("*.*")}
        assert stored == {"config.json", "00000100.png"}


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def local(results: Path) -> Tracker:
    return Tracker(default_uri(results), "gans", results)


@pytest.mark.parametrize("kind", ["refuses", "hangs"])
def test_training_never_waits_and_what_was_not_delivered_comes_later(
    results: Path,
    server: socket.socket,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "MLFLOW_HTTP_REQUEST_TIMEOUT", str(2 * PATIENCE)
    )  # so long is the first answer waited for
    if kind == "hangs":
        server.listen()
    said: list[str] = []
    uri = f"http://127.0.0.1:{server.getsockname()[1]}"
    uploader = Uploader(Tracker(uri, "gans", results), said.append, PAUSE)
    one = trial(results)
    uploader.watch(one)
    assert write(one, range(300)) < PATIENCE
    uploader.finish(one.signature, "done")
    started = time.monotonic()
    assert uploader.close(3) == 300 * 2 + 6 + 2 + 1  # points, scores, files, state
    assert time.monotonic() - started < PATIENCE
    server.close()
    uploader._thread.join(PATIENCE)

    until(lambda: main(arguments=["ship", "--out", str(results)]) == 0)
    check(local(results), {one.signature: "FINISHED"})
    other = f"sqlite:///{tmp_path}/another.db"  # an MLflow that knows nothing is given everything
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    assert main(arguments=["ship", "--out", str(results)]) == 0
    check(Tracker(other, "gans", results), {one.signature: "FINISHED"})


def test_a_folder_without_results_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments=["ship", "--out", str(tmp_path)]) == 2
    assert "holds nothing for MLflow: name with --out" in " ".join(capsys.readouterr().out.split())


def test_a_rerun_makes_no_duplicate_and_leaves_nothing_running(results: Path) -> None:
    states = {"a": "done", "b": "failed", "c": "stopped"}
    first = Uploader(local(results), pytest.fail, PAUSE)
    for name, state in states.items():
        first.watch(trial(results, name))
        write(trial(results, name), range(120))
        first.finish(name, state)
    assert first.close(PATIENCE) == 0
    check(local(results), {"a": "FINISHED", "b": "FAILED", "c": "KILLED"})

    killed = Uploader(local(results), pytest.fail, PAUSE)
    killed.watch(trial(results, "b"))
    write(trial(results, "b"), range(100, 150), attempt=2)
    until(lambda: killed.pending() == 0)
    killed.drain(PATIENCE)
    client, experiment = local(results)._client, local(results)._experiment_id
    assert len(client.search_runs([experiment], "attributes.status = 'RUNNING'")) == 2  # b and the study

    last = Uploader(local(results), pytest.fail, PAUSE)
    last.reconcile("subsampling", "smoke", {**states, "b": "failed"})
    last.watch(trial(results, "c"))
    write(trial(results, "c"), range(100, 200), attempt=2)
    last.finish("c", "done")
    assert last.close(PATIENCE) == 0
    check(local(results), {"a": "FINISHED", "b": "FAILED", "c": "FINISHED"})


class Flaky:
    """An MLflow client of which a third of the calls fail, half of those after they were carried out."""

    def __init__(self, client: Any) -> None:
        self._client, self._dice, self.failures = client, random.Random(1), 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def flaky(*positional: Any, **named: Any) -> Any:
            fate = self._dice.random()
            if fate < 1 / 6:
                self.failures += 1
                raise ConnectionError("not sent")
            answer = call(*positional, **named)
            if fate < 1 / 3:
                self.failures += 1
                raise ConnectionError("the answer was lost")
            return answer

        return flaky


def test_lost_requests_and_lost_answers_leave_no_trace(results: Path) -> None:
    tracker = local(results)
    flaky = tracker.__dict__["_client"] = Flaky(tracker._client)
    uploader = Uploader(tracker, lambda message: None, PAUSE)
    for nth, name in enumerate(("a", "b"), 1):
        uploader.watch(trial(results, name))
        for start in range(0, 200, 50):
            write(trial(results, name), range(start, start + 50))
            time.sleep(0.1)
        for start in count(200, 50):  # a busy machine asks for less, so that less of it fails
            if flaky.failures > 5 * nth:
                break
            write(trial(results, name), range(start, start + 50))
            until(lambda: uploader.pending() == 0)
        uploader.finish(name, "done")
    until(lambda: uploader.pending() == 0)
    uploader.drain(PATIENCE)
    assert flaky.failures > 10
    after = Uploader(local(results), pytest.fail, PAUSE)
    after.reconcile("subsampling", "smoke", {"a": "done", "b": "done"})
    assert after.drain(PATIENCE) == 0
    check(local(results), {"a": "FINISHED", "b": "FINISHED"})


class Server:
    """A real MLflow server that can be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.uri = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.start()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--workers",
            "1",
            "--port",
            self.uri.split(":")[-1],
        ]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "store")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        until(self.answers)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.uri.split(":")[-1]))) == 0

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)  # the group that this test started

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
def test_a_real_server_that_hangs_dies_and_comes_back(
    results: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(results / "mlflow.db", folder)
    server = Server(folder)
    try:
        said: list[str] = []
        tracker = Tracker(server.uri, "gans", results)
        uploader = Uploader(tracker, said.append, PAUSE)
        one = trial(results)
        uploader.watch(one)
        assert write(one, range(1000)) < 1.0
        until(lambda: uploader.pending() == 0)
        server.signal(signal.SIGSTOP)
        assert write(one, range(1000, 3000)) < 1.0
        time.sleep(12)
        server.signal(signal.SIGCONT)
        until(lambda: uploader.pending() == 0)
        server.kill()
        assert write(one, range(3000, 6000)) < 1.0
        time.sleep(4)
        server.start()
        uploader.finish(one.signature, "done")
        until(lambda: uploader.pending() == 0)
        assert uploader.close(PATIENCE) == 0
        assert said[-1].endswith("accepts everything again.")
        (child,) = tracker._runs_of(one)
        assert shown(tracker, child.info.run_id) == written(one)
        assert child.info.status == "FINISHED"
        assert (folder / "store").exists()
        assert [file.path for file in tracker._client.list_artifacts(child.info.run_id)] == [
            "config.json",
            "samples",
        ]
    finally:
        server.kill()
