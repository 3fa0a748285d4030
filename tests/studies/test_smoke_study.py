"""The smoke study from an empty cache, as `make study` runs it, against what the README promises."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

pytestmark = pytest.mark.slow

STUDY = Path(__file__).parents[2] / "studies" / "subsampling_ablation.py"


@dataclass
class Run:
    """What one run said, and when."""

    code: int
    lines: list[str]
    times: list[float]

    @property
    def tables(self) -> str:
        text = "".join(self.lines)
        return text[text.index("\nTable 9") :]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("smoke")


def _run(folder: Path) -> Run:
    environment = {**os.environ, "RETABLE_CACHE": str(folder / "cache"), "PYTHONUNBUFFERED": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(STUDY)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines, times = [], []
    for line in process.stdout:
        lines.append(line)
        times.append(time.monotonic() - started)
    return Run(process.wait(), lines, [*times, time.monotonic() - started])


@pytest.fixture(scope="module")
def first(folder: Path) -> Run:
    return _run(folder)


def test_it_ends_well_within_ten_minutes(first: Run) -> None:
    assert first.code == 0, "".join(first.lines)
    assert first.times[-1] < 600


def test_something_is_on_the_screen_within_ten_seconds_and_every_five_after(first: Run) -> None:
    assert first.times[0] < 10
    gaps = [after - before for before, after in zip(first.times, first.times[1:], strict=False)]
    assert max(gaps) < 6  # a line is due every 5


def test_table_9_has_four_finished_cells_of_each_metric(folder: Path, first: Run) -> None:
    cells = pd.read_parquet(folder / "results" / "tables" / "subsampling_ablation" / "table_9.parquet")
    assert list(cells["state"]) == ["done"] * 8
    assert cells["value"].notna().all()
    assert set(cells["why_no_difference"].dropna()) <= {
        "not comparable: smoke data",
        "the paper has no number",
    }
    assert (folder / "results" / "tables" / "subsampling_ablation" / "table_9.csv").exists()
    assert (folder / "results" / "tables" / "subsampling_ablation" / "table_9.md").exists()


def test_the_classifier_is_good_enough_to_judge(folder: Path, first: Run) -> None:
    cells = pd.read_parquet(folder / "results" / "tables" / "subsampling_ablation" / "table_9.parquet")
    accuracies = {float(name.partition("_acc")[2].partition("_")[0]) for name in cells["protocol"]}
    assert len(accuracies) == 1
    assert accuracies.pop() >= 0.95


def test_mlflow_has_the_tables_numbers_and_clips(folder: Path, first: Run) -> None:
    client = MlflowClient(f"sqlite:///{folder}/results/mlflow.db")
    experiment = client.get_experiment_by_name("subsampling_ablation")
    runs = {
        run.data.tags.get("retable.signature"): run for run in client.search_runs([experiment.experiment_id])
    }
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    cells = pd.read_parquet(folder / "results" / "tables" / "subsampling_ablation" / "table_9.parquet")
    for cell in cells.itertuples():
        run = runs[cell.signatures]
        assert run.data.metrics[cell.protocol] == pytest.approx(cell.value, rel=1e-12)
        assert run.data.params["batch_size"] == "8"
        pictures = {
            file.path.rpartition(".")[2] for file in client.list_artifacts(run.info.run_id, "samples")
        }
        assert pictures == {"mp4", "png"}


def test_the_second_call_trains_nothing_and_prints_the_same_tables(folder: Path, first: Run) -> None:
    second = _run(folder)
    assert second.code == 0
    assert second.times[-1] < 30
    assert ", 0 to train" in "".join(second.lines)
    assert second.tables == first.tables
