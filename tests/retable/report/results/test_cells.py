from typing import TYPE_CHECKING, Any

import pytest

from retable.report.results.cells import MIXED, FilledCell, filled_cells
from retable.trial.learner import Score

if TYPE_CHECKING:
    from tests.retable.report.conftest import Example


def at(cells: list[FilledCell[Any]], row: str, column: str) -> FilledCell[Any]:
    return next(one for one in cells if (one.cell.row, one.cell.column) == (row, column))


def test_every_cell_is_there_before_anything_has_run(example: "Example") -> None:
    cells = filled_cells(example.plan(), {})
    assert [(one.cell.row, one.state) for one in cells] == [
        *[("Naive", "not run")] * 2,
        *[("Full", "not run")] * 2,
        *[("Others", "quoted")] * 2,
    ]
    assert not any(one.summaries for one in cells)


def test_both_columns_read_one_trial(example: "Example") -> None:
    scores = {example.is_protocol: Score(1.93, 0.04, 10), example.fid_protocol: Score(812.0, 9.0, 10)}
    cells = filled_cells(example.plan(), example.done("Full", scores))
    assert at(cells, "Full", "IS").summaries[example.is_protocol].value == 1.93
    assert at(cells, "Full", "FID").summaries[example.fid_protocol].value == 812.0
    assert at(cells, "Full", "IS").state == "done"
    assert at(cells, "Naive", "IS").state == "not run"


def test_a_collapsed_trials_last_good_snapshot_is_its_number_and_the_cell_says_so(example: "Example") -> None:
    plan = example.plan(seeds=(0, 1))
    results = example.collapsed("Full") | example.done("Full", {example.is_protocol: Score(2.0)}, seed=1)
    cell = at(filled_cells(plan, results), "Full", "IS")
    assert cell.summaries[example.is_protocol].value == (99.0 + 2.0) / 2
    assert cell.summaries[example.is_protocol].n_seeds == 2
    assert cell.state == "1 collapsed at 7, 1 done"
    assert at(filled_cells(example.plan(), example.collapsed("Full")), "Full", "IS").state == "collapsed at 7"


def test_a_finished_trial_without_that_metric(example: "Example") -> None:
    cells = filled_cells(example.plan(), example.done("Full", {example.is_protocol: Score(2.0)}))
    assert at(cells, "Full", "FID").state == "no fid score"


def test_seeds_measured_differently_are_not_averaged(example: "Example") -> None:
    other = example.is_protocol.replace("1a2b3c", "ffffff")
    results = example.done("Naive", {example.is_protocol: Score(1.0)})
    results |= example.done("Naive", {other: Score(2.0)}, seed=1)
    cell = at(filled_cells(example.plan("paper", (0, 1)), results), "Naive", "IS")
    assert {name: (s.value, s.n_seeds) for name, s in cell.summaries.items()} == {
        example.is_protocol: (1.0, 1),
        other: (2.0, 1),
    }
    assert (cell.difference, cell.why_no_difference) == (None, MIXED)


@pytest.mark.parametrize(
    ("scale", "row", "papers", "reason"),
    [
        ("smoke", "Naive", "same", "not comparable: smoke data"),
        ("smoke", "Full", "same", "the paper has no number"),
        ("paper", "Naive", "unknown", "not comparable: the protocol of the paper's is is unknown"),
        ("paper", "Naive", "other", "not comparable: samples 2048 against 512"),
    ],
)
def test_why_there_is_no_difference(
    example: "Example", scale: str, row: str, papers: str, reason: str
) -> None:
    names = {
        "unknown": {},
        "same": {"is": example.is_protocol},
        "other": {"is": example.is_protocol.replace("is2048", "is512")},
    }
    results = example.done(row, {example.is_protocol: Score(14.0)})
    cell = at(filled_cells(example.plan(scale), results, names[papers]), row, "IS")
    assert (cell.difference, cell.why_no_difference) == (None, reason)


def test_the_difference_under_one_protocol(example: "Example") -> None:
    results = example.done("Naive", {example.is_protocol: Score(14.0)})
    cells = filled_cells(example.plan("paper"), results, {"is": example.is_protocol})
    assert at(cells, "Naive", "IS").difference == pytest.approx(14.0 - 12.79)
    assert at(cells, "Naive", "IS").why_no_difference == ""
