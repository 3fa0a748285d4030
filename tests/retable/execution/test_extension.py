"""A longer training goes on from a shorter one, and is to the bit what it had been without the stop."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from retable.execution import local
from retable.execution.execution import Execution
from retable.execution.extension import Start, start_of, why_restarted
from retable.execution.retries import Retries
from retable.planning.plan import Plan, make_plan
from retable.store import checkpoint, metrics_log
from retable.store.ledger import Ledger


class Walks:
    """The walking study over one folder of results, at any length and with any seeds."""

    def __init__(self, walking: ModuleType, results: Path) -> None:
        base = replace(walking.BASE, pause=0.0, iterations=20)
        rows = tuple(walking.Row(str(s_t), replace(base, s_t=s_t)) for s_t in range(1, 5))
        table = walking.Table("1", "Walks", rows, (walking.Column("accuracy", "accuracy"),))
        self.study = replace(walking.STUDY, tables=(table,))
        self.scale, self.results = self.study.scales["smoke"], results

    def plan(
        self, iterations: int = 20, seeds: tuple[int, ...] = (0,), rows: int = 1, **changes: Any
    ) -> Plan[Any]:
        scale = replace(
            self.scale,
            tables={"1": rows},
            shrink=lambda config: replace(config, iterations=iterations, **changes),
        )
        return make_plan(self.study, scale, "data", seeds=seeds)

    def run(self, plan: Plan[Any], results: Path | None = None) -> tuple[list[str], Execution]:
        """Train what is missing; names of the trials that were begun."""
        began: list[str] = []

        class Notes:
            def began(self, planned: Any, assignment: Any) -> None:
                began.append(planned.signature)

            def ended(self, planned: Any, state: str, message: str) -> None:
                pass

        results = results or self.results
        with Ledger(results / "ledger.db") as ledger:
            execution = Execution(plan, results, results, ledger, (Notes(),), Retries())
            local.run_plan(execution)
        assert set(execution.states.values()) == {"done"}
        return began, execution


@pytest.fixture
def walks(walking: ModuleType, tmp_path: Path) -> Walks:
    return Walks(walking, tmp_path / "results")


def steps(monkeypatch: pytest.MonkeyPatch, walking: ModuleType) -> list[int]:
    """The iterations that are trained from now on."""
    done: list[int] = []
    step = walking.Walker.step

    def counted(self: Any, iteration: int) -> Any:
        done.append(iteration)
        return step(self, iteration)

    monkeypatch.setattr(walking.Walker, "step", counted)
    return done


def state(folder: Path, iteration: int) -> tuple[dict[str, Any], dict[str, Any]]:
    found = checkpoint.at(folder, iteration, folder.name)
    loaded = checkpoint.load(found, "cpu")
    return loaded["learner"], loaded["progress"]["history"]


def metrics(folder: Path) -> dict[tuple[str, int], float | None]:
    points, _ = metrics_log.read(folder)
    return {(p.key, p.iteration): p.value for p in points if p.key != "iterations_per_second"}


def test_only_the_difference_is_trained_and_it_is_to_the_bit_the_uninterrupted_training(
    walks: Walks, walking: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks.run(walks.plan(20))
    done = steps(monkeypatch, walking)
    longer = walks.plan(50)
    _, execution = walks.run(longer)
    assert done == list(range(20, 50))
    _, whole = walks.run(longer, tmp_path / "whole")
    signature = longer.trials[-1].signature
    extended, uninterrupted = execution.folder(signature), whole.folder(signature)
    (place, history), (place_whole, history_whole) = state(extended, 50), state(uninterrupted, 50)
    assert torch.equal(place["place"], place_whole["place"])
    assert history == history_whole
    results = [json.loads((folder / "result.json").read_text()) for folder in (extended, uninterrupted)]
    for key in ("best", "scores", "history", "state", "iterations", "splits"):
        assert results[0][key] == results[1][key]
    assert metrics(extended) == metrics(uninterrupted)  # the tracker sees one whole curve
    continues = json.loads((extended / "continues.json").read_text())
    assert continues == {"signature": walks.plan(20).trials[-1].signature, "iteration": 20}


def test_the_shorter_trial_stays_as_it_was(walks: Walks) -> None:
    shorter = walks.plan(20)
    _, execution = walks.run(shorter)
    folder = execution.folder(shorter.trials[-1].signature)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    walks.run(walks.plan(30))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_length_out_of_turn_goes_on_from_the_snapshot_before(
    walks: Walks, walking: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 25 of 25 there is a snapshot that a training of 40 never makes: it begins at 20, where both agree."""
    walks.run(walks.plan(25))
    done = steps(monkeypatch, walking)
    longer = walks.plan(40)
    signature = longer.trials[-1].signature
    _, execution = walks.run(longer)
    assert done == list(range(20, 40))
    _, whole = walks.run(longer, tmp_path / "whole")
    assert state(execution.folder(signature), 40) == state(whole.folder(signature), 40)


def test_one_seed_more_of_four_cells_starts_four_trials(walks: Walks) -> None:
    walks.run(walks.plan(rows=4))
    began, _ = walks.run(walks.plan(rows=4, seeds=(0, 1)))
    assert len(began) == len(set(began)) == 4
    assert walks.run(walks.plan(rows=4, seeds=(0, 1)))[0] == []


def test_other_configs_are_no_shorter_trainings_of_it(walks: Walks) -> None:
    walks.run(walks.plan(20))
    with Ledger(walks.results / "ledger.db") as ledger:
        records, folder = ledger.trials(), walks.results / "trials"
        for plan in (
            walks.plan(40, batch_size=8),
            walks.plan(40, seeds=(1,)),
            walks.plan(10),
            walks.plan(20),
        ):
            assert start_of(plan.trials[-1].trial, records, folder) == ""
        start = start_of(walks.plan(40).trials[-1].trial, records, folder)
        assert isinstance(start, Start)
        assert start.iteration == 20


def test_what_depends_on_its_length_is_trained_anew_and_the_reason_is_said(
    walks: Walks, walking: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks.run(walks.plan(20))
    monkeypatch.setattr(walking.Walk, "bound_to_iterations", lambda self: "its rate decays to 0")
    longer = walks.plan(30)
    with Ledger(walks.results / "ledger.db") as ledger:
        reasons = why_restarted(longer, ledger.trials(), walks.results / "trials")
    assert reasons == {"walk": "its rate decays to 0"}
    done = steps(monkeypatch, walking)
    walks.run(longer)
    assert done == list(range(30))


def test_what_was_trained_longer_is_not_trained_again(walks: Walks) -> None:
    walks.run(walks.plan(20))
    with Ledger(walks.results / "ledger.db") as ledger:
        records, folder = ledger.trials(), walks.results / "trials"
        assert why_restarted(walks.plan(10), records, folder) == {
            "walk": "it was trained for 20 iterations already"
        }
        assert why_restarted(walks.plan(20), records, folder) == {}


def test_a_shorter_training_without_its_checkpoints_is_said(walks: Walks) -> None:
    shorter = walks.plan(20)
    _, execution = walks.run(shorter)
    signature = shorter.trials[-1].signature
    for path in (execution.folder(signature) / "checkpoints").glob("*/state.json"):
        path.write_text("damaged")
    with Ledger(walks.results / "ledger.db") as ledger:
        reasons = why_restarted(walks.plan(30), ledger.trials(), walks.results / "trials")
        assert reasons == {
            "walk": f"{signature} has no checkpoint left that holds all that a longer training would"
        }
        ledger.declare("other", "smoke", [(s := "f" * 16, {**shorter.trials[-1].trial.identity}, "x")])
        (walks.results / "trials" / s).mkdir()
        ledger.begin(s)
        assert (
            "is being trained now"
            in why_restarted(walks.plan(30), [ledger.trial(s)], walks.results / "trials")["walk"]
        )
