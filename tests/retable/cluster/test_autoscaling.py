"""What the autoscaler is asked for, through Ray's own coordinator, which adds up what several ask for."""

from typing import Any

import pytest
from ray.data._internal.cluster_autoscaler.default_autoscaling_coordinator import (
    _AutoscalingCoordinatorActor,
)

from retable.cluster.autoscaling import EXPIRE_SECONDS, MOST_BUNDLES, REPEAT_SECONDS, Demand, bundles
from retable.planning.placement import WorkerGroup


class Autoscaler:
    """Ray's coordinator in this process, and what it has sent to the autoscaler."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[list[dict[str, float]]] = []
        self.coordinator = _AutoscalingCoordinatorActor(
            get_current_time=lambda: self.now,
            send_resources_request=lambda asked: self.sent.append(list(asked)),
            get_cluster_nodes=list,
        )

    def named(self, name: str) -> "Requester":
        return Requester(self, name)

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.coordinator._tick()


class Requester:
    def __init__(self, autoscaler: Autoscaler, name: str) -> None:
        self.coordinator, self.name = autoscaler.coordinator, name

    def request_resources(self, resources: list[dict[str, float]], expire_after_s: float) -> Any:
        return self.coordinator.request_resources(self.name, resources, expire_after_s)

    def cancel_request(self) -> None:
        self.coordinator.cancel_request(self.name)


@pytest.fixture
def autoscaler() -> Autoscaler:
    return Autoscaler()


@pytest.fixture
def demand(autoscaler: Autoscaler) -> Demand:
    return Demand("study", autoscaler.named, lambda: autoscaler.now)


PAIR, ONE = WorkerGroup(workers=2, cpus=4, gpus=1), WorkerGroup(cpus=2)
GPU, CPU = {"CPU": 4.0, "GPU": 1.0}, {"CPU": 2.0}


def test_each_worker_of_each_worker_group_that_waits_is_a_bundle(
    autoscaler: Autoscaler, demand: Demand
) -> None:
    demand.request([PAIR, ONE])
    assert autoscaler.sent == [[GPU, GPU, CPU]]
    demand.request([PAIR, ONE])
    assert len(autoscaler.sent) == 1
    demand.request([ONE])
    assert autoscaler.sent[1:] == [[CPU]]


def test_it_stands_beside_what_running_worker_groups_ask_for(autoscaler: Autoscaler, demand: Demand) -> None:
    train = autoscaler.named("train-1")
    train.request_resources([GPU], 180)
    demand.request([ONE])
    assert autoscaler.sent[-1] == [GPU, CPU]
    train.cancel_request()
    assert autoscaler.sent[-1] == [CPU]


def test_nothing_is_asked_for_at_the_end(autoscaler: Autoscaler, demand: Demand) -> None:
    demand.request([PAIR])
    demand.withdraw()
    assert autoscaler.sent[-1] == []
    demand.withdraw()
    assert len(autoscaler.sent) == 2


def test_who_never_waited_asks_for_nothing(autoscaler: Autoscaler, demand: Demand) -> None:
    demand.request([])
    demand.withdraw()
    assert autoscaler.sent == []


def test_a_request_is_repeated_while_it_holds_and_ends_with_its_driver(
    autoscaler: Autoscaler, demand: Demand
) -> None:
    demand.request([ONE])
    for _ in range(10):
        autoscaler.later(REPEAT_SECONDS)
        demand.request([ONE])
    assert autoscaler.sent[-1] == [CPU]
    autoscaler.later(EXPIRE_SECONDS + 1)  # nobody repeats it
    assert autoscaler.sent[-1] == []


def test_there_is_an_end_to_it() -> None:
    assert len(bundles([WorkerGroup(workers=3)] * 10_000)) == MOST_BUNDLES - MOST_BUNDLES % 3
