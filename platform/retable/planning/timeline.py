"""Simulated time of trials on nodes: they start by the rule of `retable.planning.placement` and take their forecast hours."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retable.planning.placement import Node, PendingTrial, Placement, Reservation, WorkerGroup, choose


@dataclass(frozen=True)
class RemainingTrial:
    """Trial that is still to be trained.

    Attributes:
        hours: hours from its start to its end.
        requires: keys of the trials that must end before; those that are not among the remaining trials have ended.
    """

    key: str
    worker_group: WorkerGroup
    hours: float
    requires: tuple[str, ...] = ()


def hours_on(trials: Sequence[RemainingTrial], nodes: Sequence[Node]) -> float:
    """Hours until all trials are done, except those that the nodes can't hold and those that require them.

    Args:
        trials: trials in the plan's order.
        nodes: nodes with all their resources.
    """
    waiting: dict[str, RemainingTrial] = {trial.key: trial for trial in trials}
    running: dict[str, tuple[WorkerGroup, Placement]] = {}
    ends: list[tuple[float, str]] = []
    reservation: Reservation | None = None
    now = 0.0
    while waiting or running:
        unfinished = waiting.keys() | running.keys()
        ready = [
            PendingTrial(trial.key, trial.worker_group)
            for trial in waiting.values()
            if unfinished.isdisjoint(trial.requires)
        ]
        decision = choose(ready, nodes, [_free(node, running) for node in nodes], reservation)
        reservation = decision.reservation
        if decision.start is not None:
            pending, placement = decision.start
            running[pending.key] = pending.worker_group, placement
            heapq.heappush(ends, (now + waiting.pop(pending.key).hours, pending.key))
        elif ends:
            now, key = heapq.heappop(ends)
            del running[key]
        else:
            break
    return now


def _free(node: Node, running: Mapping[str, tuple[WorkerGroup, Placement]]) -> Node:
    """The node with its free resources."""
    taken: dict[str, float] = {}
    for worker_group, placement in running.values():
        count = placement.counts.get(node.name, 0)
        for resource, amount in worker_group.worker.items():
            taken[resource] = taken.get(resource, 0) + amount * count
    return node.less(taken)
