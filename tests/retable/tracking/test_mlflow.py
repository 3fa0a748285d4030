"""The tracker against real MLflow on SQLite."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from retable.store.metrics_log import Point
from retable.tracking.mlflow import Tracker
from retable.tracking.runs import TrialRun, default_uri, metric_key

pytestmark = pytest.mark.filterwarnings("ignore:The ..noload:DeprecationWarning")  # inside MLflow 3.17

PARAMETERS = {"s_t": 2, "batch_size": 64, "S1": True, "lambda": 0.5}


@pytest.fixture(scope="module")
def first_contact(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder in which a fresh process made its first database, and what that process said."""
    folder = tmp_path_factory.mktemp("first")
    script = (
        "from pathlib import Path; from retable.tracking.mlflow import Tracker; from retable.tracking.runs import default_uri; import sys; assert 'mlflow' not in sys.modules;"
        "t = Tracker(default_uri(Path('results')), 'e', Path('results')); t._experiment_id;"
        "from mlflow.telemetry.utils import is_telemetry_disabled; assert is_telemetry_disabled()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "platform"), "PATH": "/usr/bin:/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, done


@pytest.fixture
def results(
    tmp_path: Path,
    first_contact: tuple[Path, subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "my results"
    folder.mkdir()
    shutil.copy(first_contact[0] / "results" / "mlflow.db", folder)  # migrated once: that takes seconds
    return folder


def tracker(results: Path) -> Tracker:
    return Tracker(default_uri(results), "gans", results)


def trial(results: Path, signature: str = "0123456789abcdef", **changed: Any) -> TrialRun:
    told: dict[str, Any] = {
        "study": "subsampling",
        "scale": "smoke",
        "signature": signature,
        "name": "s_t=2",
        "folder": results / "trials" / signature,
        "parameters": PARAMETERS,
        "tags": {"seed": "0", "cells": "9: Full, IS"},
    }
    return TrialRun(**told | changed)


def opened(tracker: Tracker, trial: TrialRun, training: str = "t1", **changed: Any) -> str:
    return tracker.open(trial, training, **{"known": None, "start_ms": 1000, "running": True} | changed)


def point(key: str, iteration: int, value: float | None, flag: str = "") -> Point:
    return Point(key, iteration, value, flag, 1_700_000_000_000 + iteration, "train", 1)


def runs(tracker: Tracker) -> dict[str, Any]:
    """All active runs by name."""
    found = tracker._client.search_runs([tracker._experiment_id])
    assert len({run.info.run_name for run in found}) == len(found)
    return {run.info.run_name: run for run in found}


def history(tracker: Tracker, run_id: str, key: str) -> list[tuple[int, float, int]]:
    return [(m.step, m.value, m.timestamp) for m in tracker._client.get_metric_history(run_id, key)]


def test_a_trial_is_a_child_of_its_study_with_parameters_and_tags(results: Path) -> None:
    here = tracker(results)
    run_id = opened(here, trial(results, attempt={"attempt": "1", "git.commit": "abc"}))
    found = runs(here)
    assert set(found) == {"subsampling smoke", "s_t=2"}
    child, parent = found["s_t=2"], found["subsampling smoke"]
    assert child.info.run_id == run_id
    assert child.info.start_time == 1000
    assert child.data.params == {"s_t": "2", "batch_size": "64", "S1": "True", "lambda": "0.5"}
    tags = child.data.tags
    assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert (tags["retable.study"], tags["retable.scale"]) == ("subsampling", "smoke")
    assert tags["retable.signature"] == "0123456789abcdef"
    assert (tags["retable.seed"], tags["retable.cells"]) == ("0", "9: Full, IS")
    assert (tags["retable.attempt"], tags["retable.git.commit"]) == ("1", "abc")
    assert child.info.status == parent.info.status == "RUNNING"


def test_opening_again_finds_the_run_and_brings_it_up_to_date(results: Path) -> None:
    run_id = opened(tracker(results), trial(results))
    tracker(results).end(trial(results), run_id, "done", 5000)
    again = tracker(results)
    later = trial(results, parameters={"s_t": 4, "new": 1}, tags={"cells": "9: Full, IS; 5: a, IS"})
    assert opened(again, later, running=False) == run_id
    assert runs(again)["s_t=2"].info.status == "FINISHED"
    assert opened(again, later, known=run_id) == run_id
    run = runs(again)["s_t=2"]
    assert run.info.status == "RUNNING"
    assert run.data.params == {**{k: str(v) for k, v in PARAMETERS.items()}, "new": "1"}  # never overwritten
    assert run.data.tags["retable.cells"] == "9: Full, IS; 5: a, IS"
    assert len(runs(again)) == 2


def test_what_was_trained_anew_takes_the_place_of_its_old_run(results: Path) -> None:
    here = tracker(results)
    old = opened(here, trial(results), "first")
    here.log(old, [point("loss", 1, 1.0)])
    new = opened(here, trial(results), "second")
    assert new != old
    assert runs(here)["s_t=2"].info.run_id == new
    assert here._client.get_run(old).info.lifecycle_stage == "deleted"  # and can be restored


def test_a_deleted_run_is_made_anew(results: Path) -> None:
    here = tracker(results)
    old = opened(here, trial(results))
    here._client.delete_run(old)
    assert opened(here, trial(results), known=old) != old
    assert opened(tracker(results), trial(results), known="0" * 32) != old


def test_the_same_trial_of_other_results_scales_and_studies_is_another_run(
    results: Path, tmp_path: Path
) -> None:
    mine, theirs = tracker(results), Tracker(default_uri(results), "gans", tmp_path / "others")
    ids = {
        opened(mine, trial(results)),
        opened(mine, trial(results, scale="toy")),
        opened(mine, trial(results, study="other")),
        opened(theirs, trial(results), "another"),
    }
    assert len(ids) == 4
    theirs.reconcile("subsampling", "smoke", {}, 9000)
    running = mine._client.search_runs([mine._experiment_id], "attributes.status = 'RUNNING'")
    assert len(running) == 8 - 1  # only their own child ended: not ours, and no parent


def test_points_keep_their_order_and_times_and_are_stored_once(results: Path) -> None:
    here = tracker(results)
    run_id = opened(here, trial(results))
    points = [point(key, i, 0.1 * i) for i in range(700) for key in ("loss_g", "is2048x10_c3d-1a2b3c_s1")]
    here.log(run_id, points)
    here.log(run_id, points[500:])
    for key in ("loss_g", "is2048x10_c3d-1a2b3c_s1"):
        assert history(here, run_id, key) == [
            (p.iteration, p.value, p.time_ms) for p in points if p.key == key
        ]


def test_numbers_that_are_not_finite_arrive(results: Path) -> None:
    here = tracker(results)
    run_id = opened(here, trial(results))
    here.log(run_id, [point("a", 1, None, "nan"), point("b", 1, None, "inf"), point("c", 1, None, "-inf")])
    assert str(history(here, run_id, "a")[0][1]) == "nan"
    assert history(here, run_id, "b")[0][1] > 1e308
    assert history(here, run_id, "c")[0][1] < -1e308


def test_artifacts_lie_beside_the_database_and_are_replaced(results: Path) -> None:
    here = tracker(results)
    run_id = opened(here, trial(results))
    folder = trial(results).folder
    for text in ("old", "new"):
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        (folder / "samples" / "1.png").write_text(text)
        (folder / "config.json").write_text(text)
        here.upload(run_id, folder, "samples/1.png")
        here.upload(run_id, folder, "config.json")
    stored = {
        path.relative_to(results / "mlartifacts"): path.read_text()
        for path in results.rglob("artifacts/**/*.*")
    }
    base = Path(run_id) / "artifacts"
    assert stored == {base / "samples" / "1.png": "new", base / "config.json": "new"}
    assert [file.path for file in here._client.list_artifacts(run_id)] == ["config.json", "samples"]


def test_reconcile_ends_what_only_seems_to_run(results: Path) -> None:
    here = tracker(results)
    states = {"a": "done", "b": "failed", "c": "running", "d": "missing", "e": "collapsed"}
    for signature in [*states, "unknown"]:
        opened(here, trial(results, signature, name=signature), signature)
    ended = tracker(results).reconcile("subsampling", "smoke", states, 9000)
    assert sorted(ended) == ["a", "b", "d", "e", "unknown"]
    found = {name: run.info.status for name, run in runs(here).items()}
    assert found == {
        "a": "FINISHED",
        "b": "FAILED",
        "c": "RUNNING",
        "d": "KILLED",
        "e": "FINISHED",
        "unknown": "KILLED",
        "subsampling smoke": "RUNNING",
    }
    assert runs(here)["a"].info.end_time == 9000
    assert runs(here)["e"].data.tags["retable.state"] == "collapsed"


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["done", "done"], "FINISHED"),
        (["done", "stopped"], "KILLED"),
        (["stopped", "failed", "done"], "FAILED"),
    ],
)
def test_a_study_ends_as_its_worst_trial_and_runs_again(
    results: Path, states: Sequence[str], status: str
) -> None:
    here = tracker(results)
    opened(here, trial(results))
    here.end_study("subsampling", "smoke", states, 9000)
    assert runs(here)["subsampling smoke"].info.status == status
    opened(here, trial(results), running=False)
    assert runs(here)["subsampling smoke"].info.status == status
    opened(here, trial(results))
    assert runs(here)["subsampling smoke"].info.status == "RUNNING"
    here.end_study("subsampling", "smoke", ["done"], 9900)
    assert runs(here)["subsampling smoke"].info.status == "FINISHED"


def test_two_drivers_may_make_the_database_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda s=s: ids.append(opened(tracker(tmp_path), trial(tmp_path, s), s)))
        for s in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 2
    parents = {tracker(tmp_path)._client.get_run(run_id).data.tags["retable.results"] for run_id in ids}
    assert len(parents) == 1


def test_a_database_whose_making_was_killed_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(tracking_uri: str) -> None:
        Path(tracking_uri.removeprefix("sqlite:///")).write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr("mlflow.MlflowClient", killed)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(KeyboardInterrupt):
        tracker(tmp_path).open(trial(tmp_path), "1", known=None, start_ms=0, running=True)
    assert not (tmp_path / "mlflow.db").exists()


def test_a_new_database_is_made_without_a_word(
    first_contact: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = first_contact
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in folder.iterdir()] == ["results"]  # no ./mlruns


def test_the_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert default_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@tracker:5000")
    here = Tracker(default_uri(tmp_path), "e", tmp_path)
    assert here.uri == "http://me:secret@tracker:5000"
    assert here.place == "http://tracker:5000"
    assert (
        here.redacted("POST http://me:secret@tracker:5000/api failed")
        == "POST http://tracker:5000/api failed"
    )
    for refused in ("", "./mlruns", "file:///tmp/mlruns", "/tmp/mlruns"):
        with pytest.raises(ValueError, match="file store"):
            Tracker(refused, "e", tmp_path)


def test_metric_names() -> None:
    fine = ["loss_g", "is2048x10_c3d-1a2b3c_acc0.983_bilinear112_s1_data-5d6e7f", "a/b c", "x" * 250]
    assert [metric_key(name) for name in fine] == fine
    odd = ["loss[0]", "loss(0)", "a//b", "../a", "/a", "a/", "", "x" * 251, "x" * 252, "λ=½", "a/.."]
    keys = [metric_key(name) for name in odd]
    assert len(set(keys)) == len(odd)
    from mlflow.entities import Metric
    from mlflow.utils.validation import _validate_metric

    for key in [*fine, *keys]:
        _validate_metric(key, 1.0, 1, 1)
        assert Metric(key, 1.0, 1, 1).key == key
