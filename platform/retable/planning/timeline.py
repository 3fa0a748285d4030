"""How long trials take on stated nodes, if each starts by the rule of `retable.planning.placement` and takes as long as forecast."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retable.planning.placement import Node, Placement, Reservation, Wish, WorkerGroup, choose


@dataclass(frozen=True)
class Work:
    """A trial that is still to be trained.

    Attributes:
        hours: that it takes once it has begun.
        requires: those that must be over first; one that is not among the works is over.
    """

    key: str
    worker_group: WorkerGroup
    hours: float
    requires: tuple[str, ...] = ()


def hours_on(works: Sequence[Work], nodes: Sequence[Node]) -> float:
    """Hours until all are done, without those that the nodes can't hold and what waits for them.

    Args:
        works: in the plan's order.
        nodes: with all that they have.
    """
    waiting: dict[str, Work] = {work.key: work for work in works}
    running: dict[str, tuple[WorkerGroup, Placement]] = {}
    ends: list[tuple[float, str]] = []
    reservation: Reservation | None = None
    now = 0.0
    while waiting or running:
        unfinished = waiting.keys() | running.keys()
        ready = [
            Wish(work.key, work.worker_group)
            for work in waiting.values()
            if unfinished.isdisjoint(work.requires)
        ]
        choice = choose(ready, nodes, [_left(node, running) for node in nodes], reservation)
        reservation = choice.reservation
        if choice.start is not None:
            wish, placement = choice.start
            running[wish.key] = wish.worker_group, placement
            heapq.heappush(ends, (now + waiting.pop(wish.key).hours, wish.key))
        elif ends:
            now, key = heapq.heappop(ends)
            del running[key]
        else:
            break
    return now


def _left(node: Node, running: Mapping[str, tuple[WorkerGroup, Placement]]) -> Node:
    taken: dict[str, float] = {}
    for worker_group, placement in running.values():
        count = placement.counts.get(node.name, 0)
        for resource, amount in worker_group.worker.items():
            taken[resource] = taken.get(resource, 0) + amount * count
    return node.less(taken)
