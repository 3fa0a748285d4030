from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from retable.planning.plan import Plan, make_plan
from retable.report.formats.export import export
from retable.report.results.cells import filled_cells
from retable.report.results.load import Result
from retable.report.tables.differences import Difference, difference_tables, differences
from retable.trial.learner import Score

if TYPE_CHECKING:
    from pathlib import Path

    from tests.retable.report.conftest import Example

SEEDS = (0, 1, 2)


def planned(example: "Example", reference: str, seeds: tuple[int, ...] = SEEDS) -> Plan[Any]:
    table = replace(example.table, reference=reference)
    study = replace(example.study, tables=(table,))
    return make_plan(study, study.scales["smoke"], "0123456789abcdef", seeds=seeds)


def trained(example: "Example", seeds: tuple[int, ...] = SEEDS) -> dict[str, Result]:
    results: dict[str, Result] = {}
    for seed in seeds:
        for row, base, fid in (("Naive", 1.0, 900.0), ("Full", 4.0, 500.0)):
            scores = {
                example.is_protocol: Score(base + seed + (0.1 if row == "Full" and seed else 0), 0.1, 10),
                example.fid_protocol: Score(fid + 400 * seed * (row == "Full"), 9.0, 10),
            }
            results |= example.done(row, scores, seed)
    return results


def found(plan: Plan[Any], results: dict[str, Result]) -> dict[tuple[str, str], Difference]:
    cells = filled_cells(plan, results)
    return {(one.row, one.column): one for one in differences(plan, plan.study.table("9"), cells)}


def test_differences_from_a_row_are_paired_by_seed(example: "Example") -> None:
    ours = found(planned(example, "Naive"), trained(example))
    assert set(ours) == {("Full", "IS"), ("Full", "FID")}
    one = ours["Full", "IS"]
    assert one.size is not None
    assert one.size.mean == pytest.approx((3.0 + 3.1 + 3.1) / 3)
    assert one.size.std == pytest.approx(0.1 / 3**0.5)
    assert (one.size.low, one.size.high) == pytest.approx((3.0, 3.1))
    fid = ours["Full", "FID"]  # -400, 0, +400: its p of 1 is not raised, the other's is doubled
    assert (fid.p, fid.text) == (1.0, "inconclusive with 3 seeds; none in reach decides it")
    assert one.p == pytest.approx(2 * one.size.p) if one.size.p else False
    assert one.text == f"p = {one.p:.2g}, 3 seeds"


def test_a_column_as_reference(example: "Example") -> None:
    # The example's columns are two metrics: what can't be subtracted is said, not subtracted.
    one = found(planned(example, "IS"), trained(example))["Full", "FID"]
    assert one.size is None
    assert "not comparable: family fid against is" in one.why


def test_one_seed(example: "Example") -> None:
    plan = planned(example, "Naive", (0,))
    one = found(plan, trained(example, (0,)))["Full", "IS"]
    assert one.text == "inconclusive with 1 seed"
    assert difference_tables(plan, filled_cells(plan, trained(example, (0,)))) == []


def test_nothing_trained(example: "Example") -> None:
    assert found(planned(example, "Naive"), {})["Full", "IS"].why == "not trained"


def test_the_table_of_differences(example: "Example", tmp_path: "Path") -> None:
    plan = planned(example, "Naive")
    (table,) = difference_tables(plan, filled_cells(plan, trained(example)))
    assert table.title == "Table 9, differences from Naive [smoke scale]"
    assert [str(cell)[:20] for cell in table.rows["Full"]] == ["+3.07 [+3.00, +3.10]", "+0.00 [-400.00, +400"]
    assert list(table.tidy["n_seeds"]) == [3, 3]
    assert any("corrected by Holm over this table's 2" in note for note in table.notes)
    names = {path.name for path in export([table], tmp_path)}
    assert {"table_9_differences.csv", "table_9_differences.md"} <= names


def test_no_reference_no_differences(example: "Example") -> None:
    plan = planned(example, "")
    assert difference_tables(plan, filled_cells(plan, trained(example))) == []
