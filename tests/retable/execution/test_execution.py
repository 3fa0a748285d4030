"""What is trained, what never again, and what a failure costs: with the local runner and a model of one number."""

import json
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from math import inf
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from retable.environment.process import ProcessIdentity
from retable.execution import local
from retable.execution.execution import Execution
from retable.execution.retries import CAUSES, Cause, Retries
from retable.planning.plan import Plan, PlannedTrial, make_plan
from retable.store import checkpoint
from retable.store.assignment import Assignment
from retable.store.ledger import FINISHED, Ledger

UNASKED = Retries()


class Notes:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.began_names: list[str] = []
        self.ended_states: dict[str, str] = {}

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
        self.began_names.append(planned.name)

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None:
        self.ended_states[planned.name] = state


class Study:
    """One study over one folder of results, run as often as a test likes."""

    def __init__(self, walking: ModuleType, results: Path) -> None:
        self.results = results
        self.plan: Plan[Any] = make_plan(walking.STUDY, walking.STUDY.scales["smoke"], "data")

    def run(self, retries: Retries = UNASKED) -> tuple[Execution, Notes]:
        notes = Notes()
        with Ledger(self.results / "ledger.db", lease_seconds=inf) as ledger:
            execution = Execution(self.plan, self.results, self.results, ledger, (notes,), retries)
            local.run_plan(execution)
        return execution, notes

    def result(self, signature: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(
            (self.results / "trials" / signature / "result.json").read_text()
        )
        return content

    def signature(self, name: str) -> str:
        return next(p.signature for p in self.plan.trials if p.name.startswith(name))


@pytest.fixture
def study(walking: ModuleType, tmp_path: Path) -> Study:
    return Study(walking, tmp_path)


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "faults"
    folder.mkdir()
    monkeypatch.setenv("WALKING_FAULTS", str(folder))
    return folder


def test_requirements_first_then_each_trial_once(study: Study) -> None:
    execution, notes = study.run()
    assert notes.began_names == ["judge", "s_t=1 batch_size=4", "s_t=2 batch_size=4", "s_t=3 batch_size=3"]
    assert set(execution.states.values()) == {"done"}


def test_the_second_run_trains_nothing(study: Study) -> None:
    study.run()
    execution, notes = study.run()
    assert notes.began_names == []
    assert set(execution.states.values()) == {"done"}


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        ("error", "code", "ArithmeticError: asked to fail at iteration 25"),
        ("data", "data", "DataError: a shard is damaged"),
    ],
)
def test_what_a_person_has_to_mend_is_told_and_begun_again_only_when_asked(
    study: Study, faults: Path, fault: str, cause: Cause, words: str
) -> None:
    (faults / f"{fault}-2").touch()
    execution, notes = study.run()
    failed = study.signature("s_t=2")
    assert execution.states[failed] == "failed"
    assert words in execution.messages[failed]
    assert sorted(notes.ended_states.values()) == ["done", "done", "done", "failed"]
    execution, notes = study.run()
    assert (notes.began_names, execution.states[failed]) == ([], "failed")
    assert "Traceback (most recent call last)" in execution.messages[failed]
    execution, notes = study.run(Retries(requested=frozenset(CAUSES) - {cause}))
    assert notes.began_names == []
    execution, notes = study.run(Retries(requested=frozenset({cause})))
    assert notes.began_names == ["s_t=2 batch_size=4"]
    with Ledger(study.results / "ledger.db") as ledger:
        assert [(a.state, a.cause) for a in ledger.attempts(failed)] == [("failed", cause), ("done", None)]
    assert list(study.result(failed)["history"]) == ["10", "20", "30", "40"]


def test_out_of_memory_halves_the_micro_batch_once_and_the_result_says_so(study: Study, faults: Path) -> None:
    for s_t in (1, 2):
        (faults / f"memory-{s_t}").touch()
    execution, notes = study.run()
    assert notes.began_names.count("s_t=2 batch_size=4") == 2
    assert set(execution.states.values()) == {"done"}
    for name in ("s_t=1", "s_t=2"):
        signature = study.signature(name)
        with Ledger(study.results / "ledger.db") as ledger:
            attempts = ledger.attempts(signature)
        assert [(a.state, a.cause, a.split) for a in attempts] == [
            ("failed", "out_of_memory", 1),
            ("done", None, 2),
        ]
        assert study.result(signature)["splits"] == {
            "20": 2
        }  # it went on from the checkpoint of iteration 20
    assert study.result(study.signature("s_t=3"))["splits"] == {}


def test_out_of_memory_is_given_up_at_the_limit_and_tried_whole_again_when_asked(
    study: Study, faults: Path
) -> None:
    (faults / "memory-2").touch()
    never, failed = Retries(out_of_memory=0), study.signature("s_t=2")
    assert study.run(never)[0].states[failed] == "failed"
    assert study.run(never)[1].began_names == []
    asked = Retries(out_of_memory=0, requested=frozenset({"out_of_memory"}))
    assert study.run(asked)[0].states[failed] == "done"
    with Ledger(study.results / "ledger.db") as ledger:
        assert [attempt.split for attempt in ledger.attempts(failed)] == [1, 1]


def test_what_requires_a_failed_trial_is_not_begun(study: Study, faults: Path) -> None:
    (faults / "error-0").touch()
    judge = study.plan.trials[0]
    with Ledger(study.results / "ledger.db") as ledger:
        execution = Execution(study.plan, study.results, study.results, ledger)
        assert execution.begin(judge) is not None
        assert execution.next() is None  # the others wait for the judge
        assert execution.waiting
        execution.end(execution.assignment(judge.signature, 1), None, "it broke", "code")
        assert execution.next() is None
        assert not execution.waiting
        assert sorted(execution.states.values()) == ["blocked", "blocked", "blocked", "failed"]


def test_a_result_without_its_ledger_entry_is_entered_and_not_trained_again(study: Study) -> None:
    study.run()
    for file in study.results.glob("ledger.db*"):
        file.unlink()
    _, notes = study.run()
    assert notes.began_names == []
    with Ledger(study.results / "ledger.db") as ledger:
        assert {record.state for record in ledger.trials()} == {"done"}


@pytest.mark.parametrize("damage", ["cut", "changed digit", "another trial's"])
def test_a_damaged_result_gives_way_to_the_ledgers_copy(
    study: Study, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    study.run()
    one, two = study.signature("s_t=1"), study.signature("s_t=2")
    path = study.results / "trials" / two / "result.json"
    before, other = path.read_bytes(), (study.results / "trials" / one / "result.json").read_bytes()
    damaged = {
        "cut": before[:100],
        "changed digit": before.replace(b'"workers": 1', b'"workers": 2'),
        "another trial's": other,
    }[damage]
    assert damaged != before
    path.write_bytes(damaged)
    execution, notes = study.run()
    assert notes.began_names == []
    assert set(execution.states.values()) == {"done"}
    assert path.read_bytes() == before
    assert (path.parent / "quarantine" / "result.json-1").read_bytes() == damaged
    assert "was damaged and moved to" in caplog.text


def test_a_damaged_result_without_a_copy_costs_its_own_trial(study: Study) -> None:
    """The driver was killed before it recorded the result: training goes on from the last checkpoint."""
    study.run()
    for file in study.results.glob("ledger.db*"):
        file.unlink()
    one = study.signature("s_t=1")
    path = study.results / "trials" / one / "result.json"
    before = json.loads(path.read_bytes())
    path.write_bytes(b"{")
    execution, notes = study.run()
    assert [name.partition(" ")[0] for name in notes.began_names] == ["s_t=1"]
    assert set(execution.states.values()) == {"done"}
    assert json.loads(path.read_bytes())["scores"] == before["scores"]


def test_a_damaged_copy_in_the_ledger_costs_nothing(study: Study) -> None:
    study.run()
    with closing(sqlite3.connect(study.results / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE attempt SET result = substr(result, 1, 40)")
    execution, notes = study.run()
    assert notes.began_names == []
    assert set(execution.states.values()) == {"done"}


def test_results_that_nothing_vouches_for_stay_for_the_report_to_name(study: Study) -> None:
    study.run()
    with closing(sqlite3.connect(study.results / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE attempt SET result = NULL")
    path = study.results / "trials" / study.signature("s_t=1") / "result.json"
    path.write_bytes(b"{")
    execution, notes = study.run()
    assert notes.began_names == []
    assert set(execution.states.values()) == {"done"}
    assert path.read_bytes() == b"{"


def test_a_trial_that_another_process_holds_is_left_to_it(study: Study) -> None:
    held = study.signature("s_t=3")
    with Ledger(study.results / "ledger.db") as ledger:
        execution = Execution(study.plan, study.results, study.results, ledger)
        # A host that can't be asked whether its process lives: only time ends such a lease.
        ledger.begin(
            held,
            owner=replace(ProcessIdentity.current(), host="elsewhere", boot="another", namespace="another"),
        )
    execution, notes = study.run()
    assert execution.states[held] == "held"
    assert "is worked on by" in execution.messages[held]
    assert "s_t=3 batch_size=3" not in notes.began_names


def test_a_stop_request_saves_hands_out_no_more_and_is_gone_with_the_attempt(study: Study) -> None:
    with Ledger(study.results / "ledger.db") as ledger:
        execution = Execution(study.plan, study.results, study.results, ledger)
        assignment = execution.begin(study.plan.trials[0])
        assert assignment is not None
        execution.request_stop()
        assert assignment.stop_request.exists()
        assert execution.next() is None
        execution.end(assignment, "stopped")
        assert not assignment.stop_request.exists()
    _, notes = study.run()
    assert len(notes.began_names) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_what_is_training_here(study: Study, number: signal.Signals) -> None:
    class Interrupting(Notes):
        def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
            super().began(planned, assignment)
            if planned.signature == walk:
                os.kill(os.getpid(), number)

    walk, before = study.signature("s_t=1"), signal.getsignal(number)
    with Ledger(study.results / "ledger.db") as ledger:
        execution = Execution(study.plan, study.results, study.results, ledger, (Interrupting(),))
        local.run_plan(execution)
        assert execution.states[walk] == ledger.trial(walk).state == "stopped"
    saved = checkpoint.newest(execution.folder(walk), walk)
    assert saved is not None
    assert saved.iteration > 0
    assert signal.getsignal(number) == before


def test_the_second_signal_ends_a_training_here_at_once(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(trial: object, run: object, split: int) -> str:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("it goes on")

    monkeypatch.setattr("retable.training.loop.train", twice)
    _, notes = study.run()
    assert list(notes.ended_states.values()) == ["stopped"]
    assert len(notes.began_names) == 1


def test_a_pruned_trial_keeps_its_snapshots_and_only_a_search_lets_it_rest(study: Study) -> None:
    pruned = study.signature("s_t=1")

    class Pruner(Notes):
        def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
            super().began(planned, assignment)
            if planned.signature == pruned:
                execution.prune(pruned, "worse than the median")
            execution.prune("not running", "nothing happens")

    notes = Pruner()
    with Ledger(study.results / "ledger.db") as ledger:
        execution = Execution(study.plan, study.results, study.results, ledger, (notes,))
        local.run_plan(execution)
        assert (ledger.trial(pruned).state, ledger.attempts(pruned)[0].message) == (
            "pruned",
            "worse than the median",
        )
    assert (notes.ended_states["s_t=1 batch_size=4"], execution.states[pruned]) == ("pruned", "pruned")
    assert (execution.folder(pruned) / "checkpoints" / "00000010").is_dir()
    assert not list(execution.folder(pruned).glob("stop-*"))
    with Ledger(study.results / "ledger.db") as ledger:
        search = Execution(study.plan, study.results, study.results, ledger, settled=FINISHED | {"pruned"})
        assert not search.waiting
    _, again = study.run()
    assert again.began_names == ["s_t=1 batch_size=4"]
    assert json.loads((execution.folder(pruned) / "result.json").read_text())["state"] == "done"
