"""What the driver makes of what Ray says of its nodes. Ray is played by this test."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import ray as real
from ray._private import state
from ray.exceptions import RayError

from retable.cluster import nodes
from retable.cluster.nodes import LISTED, RayCluster
from retable.planning.placement import WorkerGroup


@dataclass
class Task:
    """A task of Ray's that is bound to a node; `answers` says what comes of it there."""

    answers: dict[str, Any]
    asked: list[str] = field(default_factory=list)

    def options(self, scheduling_strategy: str) -> Any:
        def remote() -> tuple["Task", str, int]:
            self.asked.append(scheduling_strategy)
            return self, scheduling_strategy, len(self.asked)

        return SimpleNamespace(remote=remote)


@dataclass
class Ray:
    """Nodes: name -> (address, resources, kind)."""

    here: dict[str, tuple[str, dict[str, float], str]]
    dead: set[str] = field(default_factory=set)
    draining: dict[str, int] = field(default_factory=dict)
    free: dict[str, dict[str, float]] = field(default_factory=dict)
    answer: Task = field(default_factory=lambda: Task({}))
    gpu_memory: Task = field(default_factory=lambda: Task({}))

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "NodeID": name,
                "Alive": name not in self.dead,
                "NodeManagerAddress": address,
                "Resources": resources,
                "Labels": {"ray.io/node-group": kind} if kind else {},
            }
            for name, (address, resources, kind) in self.here.items()
        ]

    def totals(self) -> dict[str, dict[str, float]]:
        return {name: resources for name, (_, resources, _) in self.here.items()}

    def wait(self, asked: Sequence[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        assert num_returns == len(asked)
        done = [one for one in asked if one[1] in one[0].answers]
        return done, [one for one in asked if one not in done]

    def get(self, asked: Any) -> Any:
        task, name, _ = asked
        if task.answers[name] is RayError:
            raise RayError("it is gone")
        return task.answers[name]


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    fake = Ray(
        {
            "b": ("10.0.0.2", {"CPU": 8.0, "GPU": 2.0}, ""),
            "a": ("10.0.0.1", {"CPU": 4.0}, ""),
            "c": ("10.0.0.3", {"CPU": 8.0, "GPU": 1.0}, ""),
        }
    )
    for name in ("nodes", "wait", "get"):
        monkeypatch.setattr(real, name, getattr(fake, name))
    monkeypatch.setattr(state, "total_resources_per_node", fake.totals)
    monkeypatch.setattr(state, "available_resources_per_node", lambda: fake.free)
    monkeypatch.setattr(state.state, "get_draining_nodes", lambda: fake.draining)
    monkeypatch.setattr(nodes, "_on", lambda name: name)
    monkeypatch.setattr(nodes, "_answer", fake.answer)
    monkeypatch.setattr(nodes, "_gpu_memory", fake.gpu_memory)
    return fake


def test_living_nodes_are_in_order_and_know_their_gpus(ray: Ray) -> None:
    ray.gpu_memory.answers["b"] = 24.0
    cluster = RayCluster("study")
    found = [(node.name, node.resources, node.gpu_gb) for node in cluster.nodes()]
    expected = [("a", {"CPU": 4}, None), ("b", {"CPU": 8, "GPU": 2}, 24), ("c", {"CPU": 8, "GPU": 1}, None)]
    assert found == expected
    ray.gpu_memory.answers["c"] = RayError  # nobody can tell
    ray.dead.add("a")
    assert [(node.name, node.gpu_gb) for node in cluster.nodes()] == [("b", 24), ("c", None)]
    assert sorted(ray.gpu_memory.asked) == ["b", "c"]


def test_a_node_that_leaves_is_none_to_place_on(ray: Ray) -> None:
    cluster = RayCluster("study")
    ray.draining["b"] = 0
    assert cluster.draining() == {"b": "10.0.0.2"}
    assert [node.name for node in cluster.nodes()] == ["a", "c"]
    assert RayCluster("study", own=True).draining() == {}


def test_what_others_have_taken_is_taken(ray: Ray) -> None:
    ray.free = {"a": {"CPU": 3.0}, "b": {"CPU": 8.0, "GPU": 2.0}, "c": {"CPU": 8.0}}
    used = RayCluster("study").used()
    assert used == {"a": {"CPU": 1}, "b": {"CPU": 0, "GPU": 0}, "c": {"CPU": 0, "GPU": 1}}


def test_a_node_in_doubt_has_nothing_free_before_it_answers(ray: Ray) -> None:
    ray.free = {name: resources for name, (_, resources, _) in ray.here.items()}
    cluster = RayCluster("study")
    cluster.suspect(["a", "b"])
    assert (cluster.used()["a"], cluster.used()["c"]) == ({"CPU": 4}, {"CPU": 0, "GPU": 0})
    ray.answer.answers["a"] = None
    assert (cluster.used()["a"], cluster.used()["b"]) == ({"CPU": 0}, {"CPU": 8, "GPU": 2})
    ray.answer.answers["b"] = RayError  # it could not run there: it is asked once more
    cluster.used()
    del ray.answer.answers["b"]
    assert cluster.used()["b"]["CPU"] == 8
    assert ray.answer.asked == ["a", "b", "b"]
    ray.dead.add("b")
    ray.answer.asked.clear()
    cluster.used()
    assert ray.answer.asked == []


@pytest.mark.parametrize(
    ("kind", "own", "grows"),
    [("", False, False), (LISTED, False, False), ("gpu", False, True), ("gpu", True, False)],
)
def test_a_cluster_grows_if_its_nodes_are_of_kinds(ray: Ray, kind: str, own: bool, grows: bool) -> None:
    ray.here["d"] = ("10.0.0.4", {"CPU": 1.0}, kind)
    assert RayCluster("study", own=own).grows == grows


def test_only_an_autoscaler_is_asked(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = RayCluster("study")
    asked: list[Sequence[WorkerGroup]] = []
    monkeypatch.setattr(cluster._demand, "request", asked.append)
    cluster.request([WorkerGroup()])
    assert asked == []
    cluster.grows = True
    cluster.request([WorkerGroup()])
    assert asked == [[WorkerGroup()]]
