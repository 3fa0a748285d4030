"""What MLflow shows of a plan can be rebuilt from the trials' folders at any time."""

import shutil
from pathlib import Path
from types import ModuleType

import pytest
from mlflow import MlflowClient
from rich.console import Console

from retable import local
from retable.execution import Execution
from retable.ledger import Ledger
from retable.plan import make_plan
from retable.showing import Showing


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
    with Ledger(tmp_path / "ledger.db") as ledger, Showing(tmp_path, plan, console) as showing:
        local.run_plan(Execution(plan, tmp_path, tmp_path, ledger, (showing,)))
    before = runs(tmp_path)
    assert set(before.values()) == {"FINISHED"}
    assert len(before) == 5

    (tmp_path / "mlflow.db").unlink()
    for folder in tmp_path.glob("trials/*/tracking"):
        shutil.rmtree(folder)
    with Ledger(tmp_path / "ledger.db") as ledger, Showing(tmp_path, plan, console) as showing:
        showing.catch_up({record.signature: record.state for record in ledger.trials()})
    assert runs(tmp_path) == before
