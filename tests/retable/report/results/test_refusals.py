"""The traps that the literature fell into: numbers of one name and different protocols. None of them is subtracted."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from retable.metrics.protocol import Protocol, comparable
from retable.report.formats.export import to_csv, to_markdown
from retable.report.results.cells import MIXED, filled_cells
from retable.report.tables.wide import wide_tables
from retable.trial.learner import Score

if TYPE_CHECKING:
    from tests.retable.report.conftest import Example

TRAPS = {
    "splits": ("is", {"splits": 10}, "splits 1 against 10"),
    "preprocessing": ("is", {"resize": "bicubic128crop112"}, "resize bilinear112 against bicubic128crop112"),
    "preprocessing of FID": (
        "fid",
        {"resize": "bicubic128crop112"},
        "resize bilinear112 against bicubic128crop112",
    ),
    "train and test clips": ("fid", {"split": "train-test"}, "split train against train-test"),
    "passes over the real clips": ("fid", {"passes": 1}, "passes 10 against 1"),
    "samples": ("is", {"samples": 10_000}, "samples 2048 against 10000"),
    "samples of FID": ("fid", {"samples": 512}, "samples 2048 against 512"),
    "repeats": ("is", {"repeats": 1}, "repeats 10 against 1"),
    "classifier": ("is", {"classifier": "c3d-ffffff"}, "classifier c3d-1a2b3c against c3d-ffffff"),
    "data": ("fid", {"data": "000000"}, "data 5d6e7f against 000000"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_difference_across_protocols_is_refused_everywhere(trap: str, example: "Example") -> None:
    family, change, words = TRAPS[trap]
    ours = example.is_protocol if family == "is" else example.fid_protocol
    papers = replace(Protocol.parse(ours), **change)  # type: ignore[arg-type]
    reason = f"not comparable: {words}"
    assert papers.name != ours
    assert comparable(Protocol.parse(ours), papers) == reason

    plan = example.plan("paper")
    done = example.done("Naive", {ours: Score(14.0, 0.1, 10)})
    cells = filled_cells(plan, done, {family: papers.name})
    cell = next(one for one in cells if (one.cell.row, one.cell.metric) == ("Naive", family))
    assert (cell.difference, cell.why_no_difference) == (None, reason)
    (table,) = wide_tables(plan, cells)
    line = table.tidy[(table.tidy["row"] == "Naive") & (table.tidy["metric"] == family)].iloc[0]
    assert line["difference"] is pd.NA
    assert line["why_no_difference"] == reason
    assert reason in to_csv(table.tidy)
    assert reason in to_markdown(table).replace("\\", "")
    assert "difference +" not in to_markdown(table)


@pytest.mark.parametrize("trap", TRAPS)
def test_seeds_across_protocols_are_not_averaged(trap: str, example: "Example") -> None:
    family, change, _ = TRAPS[trap]
    ours = example.is_protocol if family == "is" else example.fid_protocol
    other = replace(Protocol.parse(ours), **change).name  # type: ignore[arg-type]
    results = example.done("Naive", {ours: Score(1.0)}) | example.done("Naive", {other: Score(2.0)}, seed=1)
    cells = filled_cells(example.plan("paper", (0, 1)), results, {family: ours})
    cell = next(one for one in cells if (one.cell.row, one.cell.metric) == ("Naive", family))
    assert {name: summary.value for name, summary in cell.summaries.items()} == {ours: 1.0, other: 2.0}
    assert (cell.difference, cell.why_no_difference) == (None, MIXED)
