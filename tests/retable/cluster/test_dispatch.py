"""Trials are handed out as nodes come, go, leave with notice, or are too small."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest

from retable.cluster.dispatch import Dispatch, Start
from retable.execution.execution import Execution
from retable.execution.retries import Retries
from retable.planning.placement import Node, WorkerGroup
from retable.planning.plan import make_plan
from retable.store.formats.result import TrialResult
from retable.store.ledger import Ledger
from retable.trial.config import TrialConfig
from retable.trial.step_cost import MIB, Line, StepCost, room_mb
from tests.retable.cluster.machines import Machines


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Floor:
    """An execution's dispatch, with its cluster and clock."""

    execution: Execution
    machines: Machines
    clock: Clock
    dispatch: Dispatch

    def next(self) -> Start | None:
        """What starts a second later."""
        self.clock.now += 1
        return self.dispatch.next()

    def started(self) -> Start:
        start = self.next()
        assert start is not None
        return start

    def finish(self, start: Start) -> None:
        """The worker group trains its trial."""
        signature = start.assignment.trial.signature
        TrialResult(signature, 0, "done", 0).write(self.execution.folder(signature))
        self.execution.end(start.assignment, None)
        self.dispatch.ended(signature, lost=False)

    def lose(self, start: Start) -> None:
        """The worker group loses a worker."""
        self.execution.end(start.assignment, None, "its workers were lost", "lost")
        self.dispatch.ended(start.assignment.trial.signature, lost=True)

    def save(self, start: Start) -> None:
        """The worker group saves and returns, as it was asked to."""
        assert start.assignment.stop_request.exists()
        self.execution.end(start.assignment, "stopped")
        self.dispatch.ended(start.assignment.trial.signature, lost=False)


class Study:
    """Makes floors over the study of walks: a judge, and three trials that require it (batches of 4, 4, 3)."""

    def __init__(self, walking: ModuleType, folder: Path, ledger: Ledger) -> None:
        self.plan = make_plan(walking.STUDY, walking.STUDY.scales["smoke"], "data")
        self.folder, self.ledger = folder, ledger

    def on(
        self,
        *nodes: Node,
        shape: WorkerGroup | None = None,
        grows: bool = False,
        stated: bool = True,
        retries: Retries | None = None,
        costs: Mapping[int, StepCost] | None = None,
    ) -> Floor:
        """A floor of these nodes.

        Args:
            costs: by s_t; the judge's is 0.
        """
        execution = Execution(self.plan, self.folder, self.folder, self.ledger, retries=retries or Retries())
        machines, clock = Machines(list(nodes), grows), Clock()

        def cost_of(config: TrialConfig) -> StepCost | None:
            return (costs or {}).get(config.s_t)  # type: ignore[attr-defined]

        dispatch = Dispatch(
            execution, shape or WorkerGroup(workers=2), machines, stated=stated, cost_of=cost_of, clock=clock
        )
        return Floor(execution, machines, clock, dispatch)


@pytest.fixture
def study(walking: ModuleType, tmp_path: Path) -> Iterator[Study]:
    with Ledger(tmp_path / "ledger.db") as ledger:
        yield Study(walking, tmp_path, ledger)


ONE, TWO, THREE = (Node(name, {"CPU": 1}) for name in ("one", "two", "three"))


def taking(memory_mb: float) -> StepCost:
    """A cost of so much a sample, and nothing else."""
    return StepCost(parameters=0, macs=Line(0, 1), peak=Line(0, memory_mb * MIB))


def test_a_worker_group_that_lost_its_node_goes_on_with_what_is_left(study: Study) -> None:
    floor = study.on(ONE, TWO)
    judge = floor.started()
    assert judge.placement.counts == {"one": 1, "two": 1}
    assert judge.assignment.where == "2 workers spread over 2 nodes: no node has 2 CPUs"
    floor.machines.here.remove(TWO)
    floor.lose(judge)
    floor.machines.doubted.remove("one")  # it has answered
    again = floor.started()
    assert (again.worker_group.workers, again.placement.counts, again.assignment.attempt) == (
        1,
        {"one": 1},
        2,
    )
    floor.finish(again)
    assert floor.started().worker_group.workers == 1


def test_a_node_that_comes_back_is_used_again(study: Study) -> None:
    floor = study.on(ONE)
    floor.finish(floor.started())
    assert floor.started().worker_group.workers == 1
    assert floor.next() is None
    floor.machines.here += [TWO, THREE]
    second = floor.started()
    assert second.placement.counts == {"two": 1, "three": 1}
    assert floor.next() is None
    floor.finish(second)
    # Its batch of 3 is shared by 1 or 3, and a worker group has at most 2.
    assert floor.started().worker_group.workers == 1


def test_nothing_starts_on_a_node_before_it_has_shown_that_it_lives(study: Study) -> None:
    floor = study.on(ONE, TWO)
    floor.lose(floor.started())
    assert floor.machines.doubted == ["one", "two"]
    assert floor.next() is None
    assert floor.execution.waiting_reason == ""  # there are nodes enough
    floor.machines.doubted.clear()
    assert floor.started().worker_group.workers == 2


def test_a_trial_that_no_node_can_hold_waits_and_says_so(study: Study) -> None:
    floor = study.on(ONE, Node("large", {"CPU": 2}), shape=WorkerGroup(workers=1, cpus=2))
    floor.finish(floor.started())
    floor.machines.here.pop()
    assert floor.next() is None
    assert floor.execution.waiting_reason == "waiting for a node: needs 2 CPUs, 1 there"
    floor.machines.here.append(Node("new", {"CPU": 2}))
    assert floor.started().placement.counts == {"new": 1}
    assert floor.execution.waiting_reason == ""


def test_it_waits_no_longer_than_the_limit(study: Study) -> None:
    floor = study.on(ONE)
    judge = floor.started()
    floor.machines.here.clear()
    floor.lose(judge)
    floor.clock.now += floor.dispatch.wait_seconds - 10
    assert floor.next() is None
    assert floor.execution.waiting_reason == "waiting for a node: needs 1 CPU, 0 there"
    floor.clock.now += floor.dispatch.wait_seconds
    assert floor.next() is None
    assert not floor.execution.waiting
    signature = judge.assignment.trial.signature
    assert floor.execution.states[signature] == "failed"
    told = "no node that can hold it came within 30 minutes: needs 1 CPU, 0 there"
    assert floor.execution.messages[signature] == told
    assert sorted(floor.execution.states.values()) == ["blocked", "blocked", "blocked", "failed"]
    # The next run begins it again.
    assert study.on(ONE).started().assignment.attempt == 2


def test_room_that_others_take_is_waited_for(study: Study) -> None:
    floor = study.on(Node("one", {"CPU": 4}))
    floor.machines.others["one"] = {"CPU": 3}
    assert floor.next() is None
    floor.machines.others["one"] = {"CPU": 0}
    assert floor.started().worker_group.workers == 4


def test_a_worker_group_on_a_node_that_is_taken_away_saves_and_moves(study: Study) -> None:
    floor = study.on(ONE, TWO, retries=Retries(lost=0, preempted=2))
    judge = floor.started()
    floor.machines.leave["two"] = "10.0.0.2"
    assert floor.next() is None
    floor.save(judge)
    again = floor.started()
    assert (again.assignment.attempt, again.placement.counts) == (2, {"one": 1})
    first, _ = study.ledger.trial(judge.assignment.trial.signature).attempts
    assert (first.state, first.cause, first.message) == (
        "stopped",
        "preempted",
        "node 10.0.0.2 is being taken away",
    )


def test_preemptions_have_a_budget_of_their_own(study: Study) -> None:
    floor = study.on(ONE, retries=Retries(lost=1, preempted=2))
    for save in (True, False):  # in time, and too late
        start = floor.started()
        floor.machines.leave["one"] = "10.0.0.1"
        assert floor.next() is None
        (floor.save if save else floor.lose)(start)
        floor.machines.leave.clear()
        floor.machines.doubted.clear()
    floor.lose(floor.started())
    floor.machines.doubted.clear()
    start = floor.started()  # the third failure, and the first that counts as one
    assert start.assignment.attempt == 4
    floor.lose(start)
    floor.machines.doubted.clear()
    assert floor.next() is None
    assert not floor.execution.waiting
    attempts = study.ledger.trial(start.assignment.trial.signature).attempts
    assert [attempt.cause for attempt in attempts] == ["preempted", "preempted", "lost", "lost"]


def test_no_trial_moves_while_the_run_stops(study: Study) -> None:
    floor = study.on(ONE)
    start = floor.started()
    floor.machines.leave["one"] = "10.0.0.1"
    assert floor.next() is None
    floor.execution.request_stop()
    floor.save(start)
    assert floor.execution.states[start.assignment.trial.signature] == "stopped"
    assert floor.next() is None


def test_a_forecast_that_fits_no_small_gpu_goes_to_the_large(study: Study) -> None:
    small, large = Node("small", {"CPU": 8, "GPU": 4}, 12), Node("large", {"CPU": 8, "GPU": 1}, 80)
    costs = {0: taking(1), 1: taking(room_mb(12) / 4), 2: taking(room_mb(12) / 3)}
    floor = study.on(small, large, shape=WorkerGroup(workers=1, gpus=1), costs=costs)
    floor.finish(floor.started())
    first, second, third = (floor.started() for _ in range(3))
    assert first.placement.counts == {"small": 1}  # a batch of four just fits
    assert second.placement.counts == {"large": 1}
    assert third.placement.counts == {"small": 1}  # of which nothing is known


def test_a_forecast_that_fits_nowhere_is_refused_with_the_reason(study: Study) -> None:
    costs = {2: taking(room_mb(24) / 2)}
    floor = study.on(Node("gpu", {"CPU": 8, "GPU": 2}, 24), shape=WorkerGroup(workers=1, gpus=1), costs=costs)
    floor.finish(floor.started())
    first, third = floor.started(), floor.started()
    assert floor.next() is None
    floor.finish(first)
    floor.finish(third)
    assert floor.next() is None
    (message,) = floor.execution.messages.values()
    assert message == (
        "no node can hold it: needs 1 GPU with 42.7 GB for each worker, the GPUs there have 24 GB"
    )
    assert not floor.execution.waiting


def test_more_gpus_are_taken_where_one_has_too_little_memory(study: Study) -> None:
    costs = {1: taking(room_mb(24) / 3)}
    floor = study.on(
        Node("gpu", {"CPU": 8, "GPU": 4}, 24), shape=WorkerGroup(workers=1, gpus=1), costs=costs, stated=False
    )
    floor.finish(floor.started())
    assert [floor.started().worker_group.workers for _ in range(3)] == [2, 1, 1]


def test_a_cost_that_can_not_be_counted_keeps_no_trial_from_starting(study: Study) -> None:
    floor = study.on(Node("gpu", {"CPU": 8, "GPU": 1}, 24), shape=WorkerGroup(gpus=1))

    def refuse(config: TrialConfig) -> StepCost | None:
        raise RuntimeError("an operator has no meta kernel")

    floor.dispatch.cost_of = refuse
    assert floor.started().worker_group.memory_mb == 0


def test_a_cluster_that_grows_is_asked_for_what_waits(study: Study) -> None:
    shape = WorkerGroup(workers=4, gpus=1)
    floor = study.on(Node("head", {"CPU": 2}), shape=shape, grows=True)
    assert floor.next() is None
    assert floor.machines.wanted == [shape]  # the judge; the others have to wait for it
    assert floor.execution.waiting_reason == "waiting for a node: needs 4 GPUs, 0 there"
    floor.machines.here.append(Node("gpu", {"CPU": 8, "GPU": 2}))  # one of two has come
    assert floor.next() is None
    floor.machines.here.append(Node("gpu2", {"CPU": 8, "GPU": 2}))
    judge = floor.started()
    assert judge.placement.counts == {"gpu": 2, "gpu2": 2}
    assert judge.worker_group.cpus == 4  # their share of what has come
    assert floor.next() is None
    assert floor.machines.wanted == []
    floor.finish(judge)
    first = floor.started()
    assert first.worker_group.workers == 4
    assert floor.next() is None
    shape = replace(shape, cpus=4)
    assert floor.machines.wanted == [shape, replace(shape, workers=3)]


def test_it_takes_a_smaller_worker_group_when_it_has_waited(study: Study) -> None:
    floor = study.on(Node("gpu", {"CPU": 8, "GPU": 2}), shape=WorkerGroup(workers=4, gpus=1), grows=True)
    assert floor.next() is None
    floor.clock.now += floor.dispatch.patience
    assert floor.started().worker_group.workers == 2
