"""Forecasts of plans: finished trials, invalid cells with the reason, cost of the rest."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retable.planning.duration import Machine
from retable.planning.placement import Node
from retable.planning.plan import Plan, make_plan
from retable.report.plan.table import distinguishing_labels
from retable.study.table import Column
from tests.retable.planning.planning_cases import (
    BASE,
    Model,
    declared,
    forecast_of,
    models,
    plan_of,
    printed,
    result,
)


def test_each_training_is_listed_once_over_several_studies(tmp_path: Path) -> None:
    wide = replace(BASE, width=2)
    first, second = plan_of(BASE, wide), plan_of(wide, replace(BASE, width=4), name="other", number="7")
    forecast = forecast_of(first, second, tmp_path=tmp_path)
    assert [(one.planned.trial.config.trainable, one.tables) for one in forecast.trials] == [
        ("judge", ()),
        ("model", ("1",)),
        ("model", ("1", "7")),
        ("model", ("7",)),
    ]
    assert (forecast.tables, forecast.cells) == (2, 8)
    assert forecast.trials[2].planned.cells == (
        "1: row 1, IS",
        "1: row 1, FID",
        "7: row 0, IS",
        "7: row 0, FID",
    )


def test_a_config_that_fails_validation_is_a_cell_that_cant_run(tmp_path: Path) -> None:
    columns = (
        Column[Model]("as is", "is"),
        Column[Model]("wider", "is", lambda c: replace(c, width=c.width + 2)),
    )
    forecast = forecast_of(plan_of(BASE, replace(BASE, width=2), columns=columns), tmp_path=tmp_path)
    (invalid,) = forecast.invalid
    assert (invalid.cell.row, invalid.cell.column) == ("row 0", "wider")
    assert invalid.reason == "width must not be 3, but got 3"
    assert len(models(forecast)) == 3
    assert forecast.cells == 4


def test_a_network_that_cant_be_built_is_a_cell_that_cant_run(tmp_path: Path) -> None:
    forecast = forecast_of(plan_of(BASE, replace(BASE, width=501)), tmp_path=tmp_path)
    assert {invalid.reason for invalid in forecast.invalid} == {"width must be at most 500, but got 501"}
    assert [one.planned.trial.config for one in models(forecast)] == [BASE]
    assert forecast.refusal == ""


def test_nothing_can_run_where_that_is_so_of_every_trial(tmp_path: Path) -> None:
    plan = plan_of(replace(BASE, width=501), replace(BASE, width=502))
    points = replace(plan, tables={})  # a search's trials fill no cell yet
    reasons = "width must be at most 500, but got 501; width must be at most 500, but got 502"
    for one in (plan, points):
        assert forecast_of(one, tmp_path=tmp_path).refusal == f"no cell can run: {reasons}"
    assert forecast_of(plan, plan_of(BASE), tmp_path=tmp_path).refusal == ""
    assert forecast_of(replace(plan, tables={}, trials=()), tmp_path=tmp_path).refusal == ""


def test_a_cost_that_cant_be_counted_is_no_obstacle(tmp_path: Path) -> None:
    forecast = forecast_of(plan_of(replace(BASE, width=500)), tmp_path=tmp_path, machine=Machine(cards=(12,)))
    assert forecast.invalid == ()
    assert [one.cost for one in models(forecast)] == [None]
    assert "aten::exotic has no meta kernel" in printed(forecast)


def test_what_fits_on_no_stated_card_cant_run(tmp_path: Path) -> None:
    plan = plan_of(BASE, replace(BASE, width=15), replace(BASE, width=99))
    forecast = forecast_of(plan, tmp_path=tmp_path, machine=Machine(cards=(12.0, 24.0)))
    assert [one.gpus for one in models(forecast)] == [{12.0: 1, 24.0: 1}, {12.0: None, 24.0: 4}]
    assert [one.workers for one in models(forecast)] == [1, 4]
    assert {invalid.reason for invalid in forecast.invalid} == {
        "one sample on each GPU takes 99.0 GB, but a card of 12 or 24 GB has room for 21.4"
    }
    assert forecast_of(plan, tmp_path=tmp_path).invalid == ()  # nobody said what there is


def test_what_needs_more_gpus_than_workers_cant_run(tmp_path: Path) -> None:
    plan = plan_of(replace(BASE, batch_size=16))
    forecast = forecast_of(plan, tmp_path=tmp_path, machine=Machine(cards=(12.0,), workers=1))
    assert {invalid.reason for invalid in forecast.invalid} == {
        "16 samples at a time need 2 GPUs of 12 GB, but --workers is 1"
    }
    assert forecast.trials == ()  # nobody is left to ask for the judge
    forecast = forecast_of(plan, tmp_path=tmp_path, machine=Machine(cards=(12.0,), workers=3))
    assert [(one.workers, one.memory_mb) for one in models(forecast)] == [(2, 8 * 1024)]


def test_hours_are_those_of_trials_like_it(tmp_path: Path) -> None:
    plan = plan_of(BASE, replace(BASE, width=2), replace(BASE, width=4))
    judge, done, *_ = plan.trials
    with declared(tmp_path / "ledger.db", plan) as ledger:
        attempt = ledger.begin(done.signature, workers=2)
        ledger.finish(attempt, "done")
        result(tmp_path / "trials" / done.signature, seconds=20.0, workers=2)
        forecast = forecast_of(plan, tmp_path=tmp_path, ledger=ledger, machine=Machine(workers=4, price=3.0))
        nodes = tuple(Node(name, {"CPU": 4}) for name in ("n0", "n1"))
        one, two = (
            forecast_of(
                plan, tmp_path=tmp_path, ledger=ledger, machine=Machine(workers=4, nodes=nodes[:count])
            )
            for count in (1, 2)
        )
    first, second, third = models(forecast)
    assert (first.state, first.left, first.hours) == ("done", 0, 0.0)
    # 0.2 s an update of two workers: 0.4 s of one, 0.8 s at twice the operations, 0.2 s of four workers.
    assert second.seconds == pytest.approx(0.2)
    # 100 updates, and two evaluations that took two workers 3 s each.
    assert second.hours == pytest.approx((100 * 0.2 + 2 * 3 * 2 / 4) / 3600)
    assert third.seconds == pytest.approx(0.4)
    assert second.basis == "by operations from 1 other trial on CPU"
    assert forecast.trials[0].hours is None  # the judge is of a family that nobody measured
    total = forecast.to_json()["total"]
    hours = 4 * (second.hours or 0) + 4 * (third.hours or 0)
    assert total["worker_hours"] == pytest.approx(hours)
    assert total["price"] == pytest.approx(3 * hours)
    assert total["trials_without_hours"] == 1
    assert (total["done"], total["missing"]) == (1, 3)
    text = printed(forecast)
    assert "worker-hours are left, which costs" in text
    assert text.count("At least") == 1
    assert forecast.hours_on_nodes is None
    assert one.hours_on_nodes == pytest.approx((second.hours or 0) + (third.hours or 0))
    assert two.to_json()["total"]["hours_on_nodes"] == third.hours
    assert "hours pass until all are done on these nodes." in printed(two)
    assert judge.signature[:8] in text


def test_another_seed_takes_as_long_even_where_operations_are_not_counted(tmp_path: Path) -> None:
    plan = plan_of(BASE)
    both = make_plan(plan.study, replace(plan.scale, seeds=(0, 1)), "abc")
    first, second = (one.signature for one in both.trials if one.cells)
    with declared(tmp_path / "ledger.db", both) as ledger:
        ledger.finish(ledger.begin(first), "done")
        result(tmp_path / "trials" / first, seconds=20.0)
        missing = models(forecast_of(both, tmp_path=tmp_path, ledger=ledger))[1]
    assert (missing.planned.signature, missing.basis) == (second, "measured on other seeds on CPU")
    assert missing.seconds == pytest.approx(0.2)


def test_a_trial_goes_on_from_its_last_snapshot(tmp_path: Path) -> None:
    plan = plan_of(BASE)
    signature = plan.trials[1].signature
    with declared(tmp_path / "ledger.db", plan) as ledger:
        attempt = ledger.begin(signature, workers=2)
        from retable.store.metrics_log import MetricsLog

        with MetricsLog(tmp_path / "trials" / signature, attempt.number) as metrics_log:
            metrics_log.write(70, {"iterations_per_second": 4.0})
        (running,) = models(forecast_of(plan, tmp_path=tmp_path, ledger=ledger))
        ledger.finish(attempt, "failed", cause="error")
        (failed,) = models(forecast_of(plan, tmp_path=tmp_path, ledger=ledger))
    assert (running.state, running.left, running.basis) == ("running", 30, "measured on this trial")
    assert running.seconds == 0.25 * 2  # by one worker
    assert (failed.state, failed.left) == ("failed", 50)


def test_worker_groups_are_placed_on_the_stated_nodes(tmp_path: Path) -> None:
    plan = plan_of(replace(BASE, width=1))
    cards = [Node(f"n{at}", {"CPU": 8, "GPU": gpus}, 24) for at, gpus in enumerate((1, 1, 4))]
    for nodes, words in (
        (cards, "packed on one node"),
        (cards[:2], "spread over 2 nodes: no node has 2 GPUs"),
        (cards[:1], "without room: they don't have 2 GPUs with 2.0 GB for each worker"),
        ([Node("n", {"CPU": 8})], "packed on one node"),
        ([], ""),
    ):
        forecast = forecast_of(plan, tmp_path=tmp_path, machine=Machine(workers=2, nodes=tuple(nodes)))
        assert [one.placement for one in models(forecast)] == [words]
        assert models(forecast)[0].to_json()["cost"]["placement"] == (words or None)
        text = " ".join(printed(forecast).split())
        assert "On these nodes" in text if words else "On these nodes" not in text
        assert f"{words}." in text


def test_the_words_for_programs(tmp_path: Path) -> None:
    columns = (
        Column[Model]("as is", "is"),
        Column[Model]("wider", "is", lambda c: replace(c, width=c.width + 2)),
    )
    forecast = forecast_of(plan_of(BASE, columns=columns), tmp_path=tmp_path)
    parsed = json.loads(json.dumps(forecast.to_json(), allow_nan=False))
    judge, model = parsed["trials"]
    assert model["config"]["width"] == 1
    assert model["seed"] == 0
    assert model["state"] == "missing"
    assert model["tables"] == ["1"]
    assert model["requires"] == [judge["signature"]]
    assert model["cost"] == {
        "parameters": 0,
        "gflops_per_step": 4.0,
        "memory_mb": 4096.0,
        "workers": 1,
        "placement": None,
        "gpus": {"12": 1, "24": 1, "80": 1},
        "seconds_per_step": None,
        "hours": None,
        "worker_hours": None,
        "basis": None,
    }
    assert judge["cost"]["parameters"] is None
    assert parsed["invalid"] == [
        {
            "study": "small",
            "table": "1",
            "row": "row 0",
            "column": "wider",
            "metric": "is",
            "reason": "width must not be 3, but got 3",
        }
    ]
    assert parsed["total"]["cells"] == 2
    assert parsed["total"]["worker_hours"] is None


def test_only_labels_that_tell_trials_apart_are_shown(tmp_path: Path) -> None:
    plan = plan_of(BASE, replace(BASE, width=2), replace(BASE, width=2, batch_size=8))
    assert distinguishing_labels(models(forecast_of(plan, tmp_path=tmp_path))) == ["batch_size", "width"]


def test_lines_fit_a_terminal(tmp_path: Path) -> None:
    plan = plan_of(*(replace(BASE, width=width, batch_size=size) for width in (1, 2, 99) for size in (4, 64)))
    lines = printed(forecast_of(plan, tmp_path=tmp_path), width=100).splitlines()
    assert max(len(line) for line in lines) <= 100
    assert not any("…" in line for line in lines)
    assert [line.split()[-1] for line in lines if line.startswith("trial ")] == ["tables", "tables"]


def test_a_thousand_cells_are_planned_in_seconds(tmp_path: Path) -> None:
    plan: Plan[Any]
    start = time.process_time()
    plan = plan_of(
        *(replace(BASE, batch_size=1 + size, width=width) for size in range(100) for width in (1, 2, 4, 5, 6))
    )
    forecast = forecast_of(plan, tmp_path=tmp_path, machine=Machine(cards=(12.0, 24.0)))
    printed(forecast)
    json.dumps(forecast.to_json())
    assert forecast.cells == 1000
    assert len(models(forecast)) == 500
    assert time.process_time() - start < 5  # 0.7 on an idle machine
