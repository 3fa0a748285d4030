"""What MLflow shows of a plan can be rebuilt from the trials' folders at any time."""

import shutil
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from mlflow import MlflowClient
from rich.console import Console

from retable.cli.actions.from_mlflow import load_from_mlflow
from retable.execution import local
from retable.execution.execution import Execution
from retable.planning.plan import make_plan
from retable.report.results.cells import filled_cells
from retable.report.results.load import load_results
from retable.report.tables.wide import wide_tables
from retable.store.ledger import Ledger
from retable.tracking.delivery import Delivery
from retable.tracking.mlflow import Tracker
from retable.tracking.observer import TrackingObserver


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is delivered at the end, however slow this machine is."""
    monkeypatch.setattr("retable.tracking.observer.CLOSE_SECONDS", 900.0)


def runs(results: Path) -> dict[str, str]:
    client = MlflowClient(f"sqlite:///{results}/mlflow.db")
    experiment = client.get_experiment_by_name("walking")
    found = client.search_runs([experiment.experiment_id])
    return {run.info.run_name: run.info.status for run in found}


def test_a_lost_database_is_filled_again_without_training(
    walking: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    plan = make_plan(walking.STUDY, walking.STUDY.scales["smoke"], "data")
    console = Console(quiet=True)
    with Ledger(tmp_path / "ledger.db") as ledger, TrackingObserver(tmp_path, plan, console) as showing:
        local.run_plan(Execution(plan, tmp_path, tmp_path, ledger, (showing,)))
    before = runs(tmp_path)
    assert set(before.values()) == {"FINISHED"}
    assert len(before) == 5

    (tmp_path / "mlflow.db").unlink()
    for folder in tmp_path.glob("trials/*/tracking"):
        shutil.rmtree(folder)
    with Ledger(tmp_path / "ledger.db") as ledger, TrackingObserver(tmp_path, plan, console) as showing:
        showing.catch_up({record.signature: record.state for record in ledger.trials()})
    assert runs(tmp_path) == before


def test_tables_from_mlflow_alone_are_those_of_the_folder(
    walking: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    plan = make_plan(walking.STUDY, walking.STUDY.scales["smoke"], "data")
    signatures = [planned.signature for planned in plan.trials]
    console = Console(quiet=True)
    with Ledger(tmp_path / "ledger.db") as ledger, TrackingObserver(tmp_path, plan, console) as showing:
        execution = Execution(plan, tmp_path, tmp_path, ledger, (showing,))
        lost = execution.begin(plan.trials[-1])
        assert lost is not None
        execution.end(lost, None, "the node went away")
        local.run_plan(execution)
    runs = Delivery.runs(tmp_path, "walking", "smoke")
    from_folder = load_results(tmp_path, signatures, execution.states, execution.messages, runs)
    assert all(result.mlflow_run for result in from_folder.values() if result.state == "done")
    assert {result.state for result in from_folder.values()} >= {"done", "failed"}

    shutil.rmtree(tmp_path / "trials")
    (tmp_path / "ledger.db").unlink()
    found = load_from_mlflow("walking", "smoke", tmp_path, "")
    assert found.data == "data"
    from_mlflow = found.outcomes(signatures)
    tables = [wide_tables(plan, filled_cells(plan, one)) for one in (from_folder, from_mlflow)]
    for ours, theirs in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(ours.tidy, theirs.tidy)
        assert ours.frame().equals(theirs.frame())


def test_a_tracker_without_the_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"database sqlite:.*mlflow.db does not exist; name another"):
        load_from_mlflow("walking", "smoke", tmp_path, f"sqlite:///{tmp_path}/mlflow.db")
    Tracker(f"sqlite:///{tmp_path}/mlflow.db", "other", tmp_path).reconcile("other", "smoke", {}, 0)
    with pytest.raises(ValueError, match="over one data set, but has no trial; name the tracker"):
        load_from_mlflow("walking", "smoke", tmp_path, f"sqlite:///{tmp_path}/mlflow.db")
