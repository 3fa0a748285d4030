"""The same history gives the same next point, and Optuna's storage follows our record."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from retable.search.optuna import (
    Direction,
    OptunaStorage,
    OptunaStorageError,
    ReportedPoint,
    importances,
    suggest,
)
from retable.study.search import Choice, Point, Real, Sampler, Whole

OBJECTIVES: dict[str, Direction] = {"is": "maximize", "fid": "minimize"}


@pytest.fixture
def space(valley: ModuleType) -> tuple[Any, ...]:
    return (
        Real("x", 0.05, 50.0, valley.at, log=True),
        Whole("n", 1, 8, lambda config, n: config),
        Choice("kind", {"a": lambda config: config, "b": lambda config: config}),
    )


def told(number: int, x: float, **changed: Any) -> ReportedPoint:
    values = (10 - abs(x - 0.5), 100 + abs(x - 4))
    one = ReportedPoint(number, {"x": x, "n": 1 + number % 8, "kind": "ab"[number % 2]}, "complete", values)
    return replace(one, **changed)


@pytest.fixture
def history() -> list[ReportedPoint]:
    points = [told(number, 0.05 * 2**number) for number in range(10)]
    points[3] = told(3, 0.4, state="pruned", values=None, rungs={12: 9.0})
    return [*points, told(10, 7.0, state="running", values=None)]


@pytest.mark.parametrize("kind", ["tpe", "random"])
def test_a_proposal_depends_on_the_history_and_on_nothing_else(
    space: tuple[Any, ...], history: list[ReportedPoint], kind: Any
) -> None:
    directions, sampler = tuple(OBJECTIVES.values()), Sampler(kind, seed=3)
    one = suggest(space, directions, sampler, history, cell="a")
    assert suggest(space, directions, sampler, list(history), cell="a") == one
    assert all(dimension.admits(one[dimension.name]) for dimension in space)
    assert isinstance(one["n"], int)
    others = [
        suggest(space, directions, sampler, history, cell="b"),
        suggest(space, directions, sampler, history, cell="a", draw=1),
        suggest(space, directions, Sampler(kind, seed=4), history, cell="a"),
        suggest(space, directions, sampler, history[:-1], cell="a"),
    ]
    assert one not in others


def test_tpe_learns_where_one_objective_is_good(space: tuple[Any, ...]) -> None:
    past = [told(n, 0.05 * 1.25**n, values=(-abs(0.05 * 1.25**n - 5),)) for n in range(30)]
    asked = [float(suggest(space, ("maximize",), Sampler(), past, cell="a", draw=d)["x"]) for d in range(20)]
    assert sum(1 < x < 25 for x in asked) > 14


def test_importance_finds_what_mattered(space: tuple[Any, ...], history: list[ReportedPoint]) -> None:
    points = [told(n, 0.05 * 1.3**n) for n in range(24)]
    share, _ = importances(space, tuple(OBJECTIVES.values()), points)
    assert max(share, key=lambda name: share[name]) == "x"
    assert sum(share.values()) == pytest.approx(1)
    assert importances(space, tuple(OBJECTIVES.values()), points[:5]) == [{}, {}]


def test_what_is_the_same_everywhere_depends_on_nothing(space: tuple[Any, ...]) -> None:
    points = [replace(told(n, 0.05 * 1.3**n), values=(3.0, float(n))) for n in range(8)]
    first, second = importances(space, tuple(OBJECTIVES.values()), points)
    assert first == {}
    assert second != {}


@pytest.mark.parametrize("count", [4, *range(6, 25, 2)])
def test_what_a_choice_has_decided_is_never_put_down_to_a_number(space: tuple[Any, ...], count: int) -> None:
    draw = np.random.default_rng(0)
    points = []
    for number in range(count):
        kind, x, n = int(draw.integers(2)), float(0.05 * 1000 ** draw.random()), int(draw.integers(1, 9))
        point: Point = {"x": x, "n": n, "kind": "ab"[kind]}
        points.append(ReportedPoint(number, point, "complete", (kind + 0.1 * draw.random(),)))
    (share,) = importances(space, ("minimize",), points)
    assert bool(share) == (count >= 6)
    assert not share or max(share, key=lambda name: share[name]) == "kind"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[OptunaStorage]:
    storage = OptunaStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
    yield storage
    storage.close()


def shown(tmp_path: Path) -> list[optuna.trial.FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
    trials = optuna.load_study(study_name="s", storage=storage).get_trials()
    storage.engine.dispose()
    return trials


def test_the_storage_is_brought_up_to_date_and_twice_is_once(
    storage: OptunaStorage, space: tuple[Any, ...], history: list[ReportedPoint], tmp_path: Path
) -> None:
    storage.update(
        "s", space, OBJECTIVES, [replace(one, state="running", values=None) for one in history[:4]]
    )
    for _ in range(2):
        storage.update("s", space, OBJECTIVES, history)
    trials = shown(tmp_path)
    assert [t.params for t in trials] == [dict(one.point) for one in history]
    states = (
        [TrialState.COMPLETE] * 3 + [TrialState.PRUNED] + [TrialState.COMPLETE] * 6 + [TrialState.RUNNING]
    )
    assert [t.state for t in trials] == states
    assert trials[3].intermediate_values == {12: 9.0}
    assert [t.user_attrs["point"] for t in trials] == list(range(11))


def test_a_failed_trial_that_is_tried_again_is_a_new_one_there(
    storage: OptunaStorage, space: tuple[Any, ...], tmp_path: Path
) -> None:
    failed = told(0, 1.0, state="failed", values=None)
    for one in (failed, failed, told(0, 1.0, state="running", values=None), told(0, 1.0)):
        storage.update("s", space, OBJECTIVES, [one])
    assert [t.state for t in shown(tmp_path)] == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_storage_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(
        OptunaStorageError, match=r"Optuna can't use sqlite:.*nowhere.*--optuna-storage another URL"
    ):
        OptunaStorage(f"sqlite:///{tmp_path / 'nowhere' / 'optuna.db'}")
    with pytest.raises(OptunaStorageError) as error:
        OptunaStorage("nosuchdb://user:secret@host/name")
    assert "secret" not in str(error.value)
    with pytest.raises(OptunaStorageError, match=r"which is no URL such as sqlite:///optuna\.db"):
        OptunaStorage("optuna.db")
