"""A cluster that is what the test says: no Ray."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retable.planning.placement import Node, WorkerGroup


@dataclass
class Machines:
    """Nodes that come and leave as the test says; one that is doubted has no room until it has answered.

    Attributes:
        leave: nodes that are being taken away -> their addresses.
        others: what is taken by others, by node.
        wanted: what was asked of the autoscaler last.
    """

    here: list[Node]
    grows: bool = False
    leave: dict[str, str] = field(default_factory=dict)
    others: dict[str, dict[str, float]] = field(default_factory=dict)
    doubted: list[str] = field(default_factory=list)
    wanted: list[WorkerGroup] = field(default_factory=list)

    def nodes(self) -> Sequence[Node]:
        return [node for node in self.here if node.name not in self.leave]

    def used(self) -> Mapping[str, Mapping[str, float]]:
        doubted = {node.name: node.resources for node in self.here if node.name in self.doubted}
        return {**self.others, **doubted}

    def draining(self) -> Mapping[str, str]:
        return self.leave

    def suspect(self, nodes: Sequence[str]) -> None:
        self.doubted += nodes

    def request(self, worker_groups: Sequence[WorkerGroup]) -> None:
        self.wanted = list(worker_groups)


class Answering(Machines):
    """Nodes that answer as soon as they are doubted."""

    def suspect(self, nodes: Sequence[str]) -> None:
        pass
