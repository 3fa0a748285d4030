"""BigGAN's four points, and the table and the picture of a trade-off."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from retable.planning.plan import Plan, make_plan
from retable.report.results.cells import FilledCell, filled_cells
from retable.report.results.load import Result
from retable.report.tables.tradeoff import Point, draw_tradeoffs, four_points, tradeoff_tables
from retable.study.comparisons import Tradeoff
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import TrialConfig
from retable.trial.identity import Label
from retable.trial.learner import Score
from retable.trial.trial import Trial

IS = "is4x2_c3d-1a2b3c_acc0.983_bilinear112_s1_data-5d6e7f"
FID = "fid4x2_c3d-1a2b3c_acc0.983_bilinear112_r10-train_data-5d6e7f"
CURVE = (Point(1.0, 10, 4), Point(0.5, 7, 8), Point(0.25, 9, 9), Point(0.1, 30, 7))


def test_the_four_points_of_a_curve() -> None:
    none, lowest, valid, highest = four_points(CURVE, real=6)
    assert none == CURVE[0]
    assert lowest == CURVE[1]
    assert valid == Point(0.75, 8.5, 6)  # half way between the first two
    assert highest == CURVE[2]


def test_of_several_crossings_the_one_with_the_lowest_distance_counts() -> None:
    # 8.5 lies half way to the top, where the distance is 8, and a quarter below it on the other side, where it is 14.25.
    assert four_points(reversed(CURVE), real=8.5)[2] == Point(0.375, 8, 8.5)


def test_a_point_that_has_just_that_score_is_no_interpolation() -> None:
    assert four_points(CURVE, real=8)[2] == CURVE[1]


@pytest.mark.parametrize("real", [3.9, 9.1, None])
def test_a_score_that_is_never_reached(real: float | None) -> None:
    assert four_points(CURVE, real)[2] is None


def test_the_whole_range_may_have_no_number() -> None:
    none, lowest, valid, _ = four_points([Point(math.inf, 6, 4), *CURVE[1:]], real=6)
    assert none == Point(math.inf, 6, 4)
    assert lowest == none
    assert valid == Point(1.0, 6.5, 6)  # half way from 1 / 0.5 to 1 / infinity


def test_an_empty_curve_has_no_points() -> None:
    assert four_points([], 5.0) == (None, None, None, None)


@dataclass(frozen=True, kw_only=True)
class Model(TrialConfig):
    trainable: ClassVar[str] = "model"
    iterations: int = 1
    batch_size: int = 1
    snapshot_every: int = 1
    truncation: float | None = None

    def labels(self) -> Mapping[str, Label]:
        return {} if self.truncation is None else {"truncation": self.truncation}


REAL = Model(batch_size=2)
ROWS = (
    Row("trained", Model()),
    *(Row(f"{point.along}", replace(Model(), truncation=point.along)) for point in CURVE),
    Row("real", REAL),
)
TABLE = Table("t", "", ROWS, (Column[Model]("IS", "is"), Column[Model]("FID", "fid")))
STUDY = Study(
    name="example",
    paper="",
    tables=(TABLE,),
    scales={"toy": Scale(name="toy", data="embedded", shrink=unchanged, tables={"t": None})},
    tradeoffs=(Tradeoff("t", along="truncation", real="real"),),
)


def filled(points: int) -> tuple[Plan[Model], list[FilledCell[Model]]]:
    """The study with so many points of the curve trained."""
    plan = make_plan(STUDY, STUDY.scales["toy"], "data")
    values = {replace(Model(), truncation=point.along): (point.high, point.low) for point in CURVE[:points]}
    values |= {REAL: (6.0, 1.0), Model(): (99.0, 0.5)}
    results = {}
    for config, (high, low) in values.items():
        signature = Trial(config, 0, "data").signature
        scores = {IS: Score(high, 0.1, 2), FID: Score(low, 0.1, 2)}
        results[signature] = Result(signature, "done", 0, scores, 1, 1.0, 1.0)
    return plan, filled_cells(plan, results)


def test_its_table_leaves_out_rows_that_are_not_on_the_curve() -> None:
    (table,) = tradeoff_tables(*filled(4))
    assert [str(cell) for cell in table.rows["lowest FID"]] == ["0.5", "7", "8"]
    assert [str(cell) for cell in table.rows["FID where IS equals real data's"]] == ["0.75", "8.5", "6"]
    assert table.tidy["fid"].tolist() == [10, 7, 8.5, 9]
    assert table.notes[0] == "4 points; IS of real held-out data: 6.00."
    assert "[toy scale]" in table.title


def test_a_row_without_a_number_can_be_the_whole_range(tmp_path: Path) -> None:
    plan, cells = filled(4)
    tradeoff = replace(STUDY.tradeoffs[0], whole="trained")
    plan = replace(plan, study=replace(STUDY, tradeoffs=(tradeoff,)))
    (table,) = tradeoff_tables(plan, cells)
    assert [str(cell) for cell in table.rows["no truncation"]] == ["none", "0.5", "99"]
    assert [str(cell) for cell in table.rows["lowest FID"]] == ["none", "0.5", "99"]
    assert table.tidy["truncation"].tolist() == [math.inf, math.inf, 0.75, math.inf]
    assert b">none<" in draw_tradeoffs(plan, cells, tmp_path)[1].read_bytes()


def test_what_was_not_run_and_what_is_not_reached_are_said() -> None:
    (table,) = tradeoff_tables(*filled(0))
    assert {cells[0].ours for cells in table.rows.values()} == {"not run"}
    (table,) = tradeoff_tables(*filled(1))
    assert table.rows["FID where IS equals real data's"][0].ours == "never reached"
    assert table.tidy["is"].isna().tolist() == [False, False, True, False]


def test_the_curve_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    assert draw_tradeoffs(*filled(1), tmp_path) == []
    first = [path.read_bytes() for path in draw_tradeoffs(*filled(4), tmp_path)]
    second = [path.read_bytes() for path in draw_tradeoffs(*filled(4), tmp_path)]
    assert first == second
    assert first[0].startswith(b"\x89PNG")
    assert b"real held-out data" in first[1]
