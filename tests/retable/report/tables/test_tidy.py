import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from retable.report.results.cells import filled_cells
from retable.report.tables.tidy import DTYPES, cells_frame
from retable.trial.learner import Score

if TYPE_CHECKING:
    from tests.retable.report.conftest import Example


def test_one_line_for_each_cell_with_its_params(example: "Example") -> None:
    plan = example.plan(seeds=(0, 1))
    results = example.done("Naive", {example.is_protocol: Score(1.0, 0.3, 10)})
    results |= example.done("Naive", {example.is_protocol: Score(2.0, 0.3, 10)}, seed=1)
    frame = cells_frame(plan, filled_cells(plan, results))
    assert len(frame) == 6
    assert {name: str(dtype) for name, dtype in frame.dtypes.items() if name in DTYPES} == DTYPES
    first = dict(frame.iloc[0])
    assert (first["row"], first["column"], first["state"]) == ("Naive", "IS", "done")
    assert first["protocol"] == example.is_protocol
    assert (first["value"], first["std_repeats"], first["n_seeds"]) == (1.5, 0.3, 2)
    assert first["std_seeds"] == pytest.approx(0.5**0.5)
    assert first["published"] == 12.79
    assert (first["wall_seconds"], first["worker_seconds"]) == (120.0, 240.0)
    assert first["signatures"] == f"{example.signature('Naive', 0)} {example.signature('Naive', 1)}"
    assert first["best_snapshots"] == "10 10"


def test_params_keep_their_types_where_a_row_has_none(example: "Example") -> None:
    plan = example.plan()
    frame = cells_frame(plan, filled_cells(plan, {}))
    params = {name: str(frame[name].dtype) for name in frame.columns if name.startswith("params.")}
    assert params == {
        "params.iterations": "Int64",
        "params.batch_size": "Int64",
        "params.s_t": "Int64",
        "params.S1": "boolean",
        "params.lambda": "Float64",
    }
    assert frame["params.s_t"].isna().tolist() == [False] * 4 + [True] * 2


def test_cells_that_were_not_run_hold_no_number(example: "Example") -> None:
    plan = example.plan()
    frame = cells_frame(plan, filled_cells(plan, {}))
    assert frame["value"].isna().all()
    assert frame["difference"].isna().all()
    assert frame["state"].tolist() == ["not run"] * 4 + ["quoted"] * 2
    assert frame.loc[4, "published"] == 8.31
    assert frame.loc[5, "published"] is pd.NA


def test_a_cell_of_two_protocols_has_two_lines(example: "Example") -> None:
    plan = example.plan(seeds=(0, 1))
    other = example.is_protocol.replace("1a2b3c", "ffffff")
    results = example.done("Naive", {example.is_protocol: Score(1.0)})
    results |= example.done("Naive", {other: Score(2.0)}, seed=1)
    frame = cells_frame(plan, filled_cells(plan, results))
    lines = frame[(frame["row"] == "Naive") & (frame["column"] == "IS")]
    assert dict(zip(lines["protocol"], lines["value"], strict=True)) == {example.is_protocol: 1.0, other: 2.0}


def test_tables_render_without_torch_ray_or_mlflow() -> None:
    program = (
        "import sys, retable.report.formats.export, retable.report.formats.console\n"
        "assert not {'torch', 'ray', 'mlflow'} & set(sys.modules), 'a heavy import'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=900)
