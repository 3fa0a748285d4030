"""Tune is handed every trial, in order, and never more workers than the cluster holds, whatever the shapes."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError
from ray.train.v2.api.exceptions import WorkerGroupError
from ray.tune.search import Searcher

from retable.cluster.dispatch import Dispatch
from retable.cluster.run import PlanSearcher, _cause
from retable.cluster.train import write_failure
from retable.execution.execution import Execution
from retable.planning.placement import Node, WorkerGroup
from retable.planning.plan import make_plan
from retable.store.formats.result import TrialResult
from retable.store.ledger import Ledger, LedgerError
from tests.retable.cluster.machines import Answering


def searcher_of(execution: Execution, workers: int, *cpus: int) -> PlanSearcher:
    """A searcher over nodes with so many CPUs."""
    nodes = [Node(f"n{at}", {"CPU": count}) for at, count in enumerate(cpus)]
    return PlanSearcher(Dispatch(execution, WorkerGroup(workers=workers), Answering(nodes)))


@pytest.fixture
def execution(walking: ModuleType, tmp_path: Path) -> Iterator[Execution]:
    plan = make_plan(walking.STUDY, walking.STUDY.scales["smoke"], "data")
    with Ledger(tmp_path / "ledger.db") as ledger:
        yield Execution(plan, tmp_path, tmp_path, ledger)


def finish(searcher: PlanSearcher, trial_id: str, signature: str) -> None:
    """What a worker group leaves when it has trained its trial."""
    TrialResult(signature, 0, "done", 0).write(searcher.execution.folder(signature))
    searcher.on_trial_complete(trial_id)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("slots", [4, 5, 7])
def test_every_trial_is_trained_and_no_worker_group_waits_for_what_another_holds(
    execution: Execution, workers: int, slots: int
) -> None:
    searcher = searcher_of(execution, workers, slots)
    names = count()
    live: dict[str, dict[str, Any]] = {}
    trained: list[str] = []
    while (config := searcher.suggest(f"trial-{next(names)}")) != Searcher.FINISHED or live:
        if isinstance(config, dict):
            trial_id = next(name for name in searcher._live if name not in live)
            live[trial_id] = config
            assert sum(worker_group["start"].worker_group.workers for worker_group in live.values()) <= slots
            continue
        assert live, "nothing runs and nothing is handed out: a deadlock"
        trial_id, config = live.popitem()
        finish(searcher, trial_id, config["signature"])
        trained.append(config["signature"])
    assert sorted(trained) == sorted(p.signature for p in execution.plan.trials)
    assert set(execution.states.values()) == {"done"}


def sizes(searcher: PlanSearcher) -> list[int | None]:
    """Workers of each trial's worker group on the present nodes."""
    searcher.dispatch._look()
    worker_groups = [
        searcher.dispatch.worker_group_for(planned) for planned in searcher.execution.plan.trials
    ]
    return [None if worker_group is None else worker_group.workers for worker_group in worker_groups]


def test_a_trial_that_others_wait_for_takes_a_whole_node(execution: Execution) -> None:
    assert sizes(searcher_of(execution, 1, 2)) == [2, 1, 1, 1]
    assert sizes(searcher_of(execution, 1, 2, 4, 3)) == [4, 1, 1, 1]


def test_a_worker_group_is_as_large_as_shares_the_batch_equally(execution: Execution) -> None:
    assert sizes(searcher_of(execution, 4, 8)) == [4, 4, 4, 3]


def test_a_worker_group_is_as_large_as_the_present_nodes_hold(execution: Execution) -> None:
    assert sizes(searcher_of(execution, 4, 1, 1, 1)) == [2, 2, 2, 3]
    assert sizes(searcher_of(execution, 4, 1)) == [1, 1, 1, 1]
    assert sizes(searcher_of(execution, 4)) == [None, None, None, None]


def test_a_large_worker_group_is_not_overtaken_for_ever(execution: Execution) -> None:
    """Four workers for s_t=2 don't fit beside those of s_t=1, and the smaller s_t=3 behind it has to wait."""
    searcher = searcher_of(execution, 4, 7)
    judge = searcher.suggest("judge")
    finish(searcher, "judge", judge["signature"])
    assert searcher.suggest("one")["start"].worker_group.workers == 4
    assert searcher.suggest("two") is None
    execution.request_stop()
    assert searcher.suggest("three") == Searcher.FINISHED


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (WorkerGroupError("a worker died", {1: ActorDiedError()}), "lost"),
        (WorkerGroupError("killed", {0: OutOfMemoryError("the node runs low")}), "out_of_memory"),
        (NodeDiedError("gone"), "lost"),
        (ValueError("no such option"), "code"),
        (MemoryError(), "out_of_memory"),
    ],
)
def test_what_no_worker_could_write_down_has_a_class_too(error: Exception, cause: str) -> None:
    assert _cause(error) == cause


def test_what_ran_out_of_memory_comes_again_with_its_micro_batch_halved(execution: Execution) -> None:
    searcher = searcher_of(execution, 1, 1)
    judge = searcher.suggest("judge")
    write_failure(judge["start"].assignment, "out_of_memory", "it did not fit")
    searcher.on_trial_complete("judge", error=True)
    assert searcher._live == {}
    again = searcher.suggest("again")
    assert searcher.suggest("too early") is None  # it may fail and come again, so it is not over
    assignment = again["start"].assignment
    assert (again["signature"], assignment.attempt, assignment.split) == (judge["signature"], 2, 2)
    write_failure(again["start"].assignment, "out_of_memory", "it did not fit")
    searcher.on_trial_complete("again", error=True)
    assert searcher.suggest("no more") == Searcher.FINISHED
    assert execution.states[judge["signature"]] == "failed"
    assert sorted(execution.states.values()) == ["blocked", "blocked", "blocked", "failed"]


def test_lost_workers_are_replaced_twice_in_a_run(execution: Execution) -> None:
    searcher = searcher_of(execution, 1, 1)
    for attempt in (1, 2, 3):
        assert searcher.suggest(f"{attempt}")["start"].assignment.attempt == attempt
        searcher.on_trial_complete(f"{attempt}", error=True)
    assert searcher.suggest("no more") == Searcher.FINISHED
    assert "its workers were lost" in execution.messages.values()


def test_twice_the_workers_hold_half_as_much_and_nothing_is_cut(execution: Execution) -> None:
    judge = execution.plan.trials[0]
    assignment = execution.begin(judge, workers=1)
    assert assignment is not None
    execution.end(assignment, None, "it did not fit", "out_of_memory")
    assert [execution.split(judge, workers) for workers in (1, 2, 3, 4)] == [2, 1, None, 1]


def test_a_ledger_that_breaks_ends_the_run_with_its_error(execution: Execution) -> None:
    searcher = searcher_of(execution, 1, 1)
    searcher.suggest("judge")
    execution.ledger._db.execute("DROP TABLE attempt")
    searcher.on_trial_complete("judge")
    assert isinstance(searcher.error, LedgerError)
    assert "no such table: attempt; move it away" in str(searcher.error)
    assert searcher.suggest("no more") == Searcher.FINISHED


def test_a_ledger_that_breaks_before_a_trial_begins_does_so_too(execution: Execution) -> None:
    searcher = searcher_of(execution, 1, 1)
    execution.ledger._db.execute("DROP TABLE attempt")
    assert searcher.suggest("judge") == Searcher.FINISHED
    assert isinstance(searcher.error, LedgerError)
