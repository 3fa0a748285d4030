"""Equal iterations and equal training time, by hand: a slow model, a fast one, and what the fast one waits for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from retable.costs.throughput import TrialThroughput
from retable.planning.plan import Plan, make_plan
from retable.report.plots.equal_time import draw_equal_times
from retable.report.report import draw_figures, report_tables
from retable.report.results.cells import filled_cells
from retable.report.results.load import Result
from retable.report.results.table import WideTable
from retable.report.tables.equal_time import MOMENTS, equal_time_tables
from retable.study.comparisons import EqualTime
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import TrialConfig
from retable.trial.trial import Trial

FID = "fid4x1_c3d-1a2b3c_acc0.983_bilinear112_r10-train_data-5d6e7f"
OTHER = FID.replace("fid4", "fid8")


@dataclass(frozen=True, kw_only=True)
class Encoder(TrialConfig):
    trainable: ClassVar[str] = "encoder"
    iterations: int = 10
    batch_size: int = 1
    snapshot_every: int = 10


@dataclass(frozen=True, kw_only=True)
class Judge(Encoder):
    trainable: ClassVar[str] = "judge"


@dataclass(frozen=True, kw_only=True)
class Codes(Encoder):
    trainable: ClassVar[str] = "codes"
    least_iterations: ClassVar[int] = 0
    iterations: int = 0

    def requires(self) -> tuple[TrialConfig, ...]:
        return (Encoder(),)


@dataclass(frozen=True, kw_only=True)
class Gan(TrialConfig):
    trainable: ClassVar[str] = "gan"
    iterations: int = 30
    batch_size: int = 1
    snapshot_every: int = 10
    accelerate: bool = False

    def requires(self) -> tuple[TrialConfig, ...]:
        return (Judge(), Codes()) if self.accelerate else (Judge(),)


def accelerated(config: Gan) -> Gan:
    return replace(config, accelerate=True)


TABLE = Table(
    "4", "", (Row("256 px", Gan()),), (Column("before", "fid"), Column("after", "fid", change=accelerated))
)
SCALE = Scale[Gan](name="toy", data="embedded", shrink=unchanged, tables={"4": None})
STUDY = Study[Gan](
    name="example", paper="", tables=(TABLE,), scales={"toy": SCALE}, equal_times=(EqualTime("4"),)
)
BEFORE = {10: (100.0, 90.0), 20: (200.0, 60.0), 30: (300.0, 20.0)}
"""Iteration -> training seconds and FID."""
AFTER = {10: (40.0, 50.0), 20: (80.0, 40.0), 30: (120.0, 30.0)}
SearchHistory = Mapping[int, tuple[float, float]]


def outcome(
    trial: Trial, points: SearchHistory, *, device: str = "CPU", protocol: str = FID, note: str = ""
) -> Result:
    last = max(points)
    return Result(
        trial.signature,
        "collapsed" if note else "done",
        trial.seed,
        wall_seconds=points[last][0],
        history={iteration: {protocol: value} for iteration, (_, value) in points.items()},
        seconds={iteration: seconds for iteration, (seconds, _) in points.items()},
        throughput=TrialThroughput(last, points[last][0] / last if last else None, 1.0, 1, device),
        note=note,
    )


def finished(
    plan: Plan[Gan], before: SearchHistory = BEFORE, after: SearchHistory = AFTER
) -> dict[str, Result]:
    """All trials of the plan: the encoder took 80 s, and the codes 10 s."""
    points = {"judge": {10: (7.0, 1.0)}, "encoder": {10: (80.0, 1.0)}, "codes": {0: (10.0, 1.0)}}
    found = {}
    for planned in plan.trials:
        config = planned.trial.config
        curve = (after if config.accelerate else before) if isinstance(config, Gan) else None
        found[planned.signature] = outcome(planned.trial, curve or points[config.trainable])
    return found


def table(plan: Plan[Gan], results: Mapping[str, Result]) -> WideTable:
    (found,) = equal_time_tables(plan, filled_cells(plan, results), results)
    return found


def plan(seeds: tuple[int, ...] = (0,)) -> Plan[Gan]:
    return make_plan(STUDY, SCALE, "data", seeds=seeds)


def texts(found: WideTable, moment: str) -> list[tuple[str, ...]]:
    return [cell.lines for cell in found.rows[f"256 px, {moment}"]]


def test_equal_iterations() -> None:
    assert texts(table(plan(), finished(plan())), MOMENTS[0]) == [
        ("20.00", "iteration 30, 5.0 min"),
        ("30.00", "iteration 30, 2.0 min"),
        ("before", "by 10.00", "with 1 seed"),
    ]


def test_equal_time_is_that_of_the_first_at_its_end() -> None:
    # 120 s: the slow one had its first snapshot at 100 s, and its second at 200 s.
    assert texts(table(plan(), finished(plan())), MOMENTS[1]) == [
        ("90.00", "iteration 10, 1.7 min"),
        ("30.00", "iteration 30, 2.0 min"),
        ("after", "by 60.00", "with 1 seed"),
    ]


def test_what_one_waits_for_counts_in_the_third() -> None:
    # 90 s of the encoder and the codes, and 120 s, make 210 s, when the slow one had its snapshot of 200 s. The judge is both's.
    found = table(plan(), finished(plan()))
    assert texts(found, MOMENTS[2])[0] == ("60.00", "iteration 20, 3.3 min")
    assert texts(found, MOMENTS[2])[2] == ("after", "by 30.00", "with 1 seed")
    assert "What only some of them require took up to 1.5 min." in found.notes[0]
    assert found.notes[0].startswith("Time is that of training steps on CPU, 1 worker")


def test_a_slow_one_without_a_snapshot_by_then() -> None:
    slow = {iteration: (2 * seconds, value) for iteration, (seconds, value) in BEFORE.items()}
    found = texts(table(plan(), finished(plan(), before=slow)), MOMENTS[1])
    assert (found[0], found[2]) == (("no snapshot by then",), ("not known",))


def test_seeds_are_compared_each_with_its_own_time() -> None:
    three = plan((0, 1, 2))
    results = finished(three)
    worse = {iteration: (seconds, value + 100) for iteration, (seconds, value) in AFTER.items()}
    for planned in three.trials:
        config = planned.trial.config
        if planned.trial.seed == 1 and isinstance(config, Gan) and config.accelerate:
            results[planned.signature] = outcome(planned.trial, worse)
    found = texts(table(three, results), MOMENTS[1])
    assert found[1][0] == "63.33"
    assert found[2] == ("after", "by 26.67", "2 of 3 seeds")


def changed_seeds(
    of: Plan[Gan], before: Mapping[int, float], after: Mapping[int, float]
) -> dict[str, Result]:
    """Trials with one snapshot each, after as many seconds, of that FID by seed."""
    results = finished(of)
    for planned in of.trials:
        config, seed = planned.trial.config, planned.trial.seed
        if isinstance(config, Gan):
            value = (after if config.accelerate else before)[seed]
            results[planned.signature] = outcome(planned.trial, {10: (100.0, value)})
    return results


def test_the_better_one_is_that_of_the_better_mean() -> None:
    three = plan((0, 1, 2))
    results = changed_seeds(three, {0: 10.0, 1: 10.0, 2: 100.0}, {0: 11.0, 1: 11.0, 2: 20.0})
    found = texts(table(three, results), MOMENTS[1])
    assert [found[0][0], found[1][0], found[2]] == ["40.00", "14.00", ("after", "by 26.00", "1 of 3 seeds")]


def test_equal_ones_are_said_to_be_equal() -> None:
    two = plan((0, 1))
    results = changed_seeds(two, {0: 10.0, 1: 20.0}, {0: 20.0, 1: 10.0})
    assert texts(table(two, results), MOMENTS[1])[2] == ("equal",)


def test_other_machines_and_other_protocols_are_not_compared() -> None:
    one = plan()
    after = next(p.trial for p in one.trials if isinstance(p.trial.config, Gan) and p.trial.config.accelerate)
    found = table(one, finished(one) | {after.signature: outcome(after, AFTER, device="Tesla P100")})
    assert texts(found, MOMENTS[0])[2][0] == "before"
    assert texts(found, MOMENTS[1])[2] == ("not comparable: CPU, 1 worker against Tesla P100, 1 worker",)
    found = table(one, finished(one) | {after.signature: outcome(after, AFTER, protocol=OTHER)})
    assert texts(found, MOMENTS[0])[2] == ("not comparable: snapshots of different protocols",)


def test_a_collapse_is_said_beside_the_score() -> None:
    one = plan()
    after = next(p.trial for p in one.trials if isinstance(p.trial.config, Gan) and p.trial.config.accelerate)
    short = {10: AFTER[10]}
    found = table(one, finished(one) | {after.signature: outcome(after, short, note="collapsed at 17")})
    assert texts(found, MOMENTS[0])[1] == ("50.00 [collapsed at 17]", "iteration 10, 40 s")


def test_what_is_not_trained_is_said() -> None:
    found = table(plan(), {})
    assert [cell.ours for cell in found.rows["256 px"]] == ["not run", "not run", "not trained"]
    assert len(found.tidy) == 0


def test_every_snapshot_is_in_the_files() -> None:
    tidy = table(plan(), finished(plan())).tidy
    assert len(tidy) == 6
    chosen = tidy.dropna(subset="compared_at")
    assert [tuple(line) for line in chosen[["cell", "iteration"]].itertuples(index=False)] == [
        ("before", 10),
        ("before", 20),
        ("before", 30),
        ("after", 30),
    ]


def test_rows_may_be_compared_too() -> None:
    rows = (Row("none", Gan()), Row("h/4", Gan(accelerate=True)))
    six = Table("6", "", rows, (Column("FID", "fid"), Column("minutes", "minutes")))
    scale = replace(SCALE, tables={"6": None})
    study = replace(
        STUDY, tables=(six,), scales={"toy": scale}, equal_times=(EqualTime("6", compared="rows"),)
    )
    one = make_plan(study, scale, "data")
    found = table(one, finished(one))
    assert found.columns == ("none", "h/4", "better")
    assert list(found.rows) == [f"FID, {moment}" for moment in MOMENTS]


def test_it_is_part_of_the_report(tmp_path: Path) -> None:
    one = plan()
    results = finished(one)
    tables = report_tables(one, lambda signatures: {name: results[name] for name in signatures})
    assert [wide.number for wide in tables] == ["4", "4_equal_time"]
    first = [path.read_bytes() for path in draw_figures(one, lambda _: results, tmp_path)]
    second = [path.read_bytes() for path in draw_figures(one, lambda _: results, tmp_path)]
    assert first == second
    assert b"training time, s (CPU, 1 worker)" in first[1]
    assert draw_equal_times(one, filled_cells(one, {}), {}, tmp_path) == []


def test_a_table_must_be_there() -> None:
    with pytest.raises(ValueError, match="declares no table '5'"):
        replace(STUDY, equal_times=(EqualTime("5"),))
