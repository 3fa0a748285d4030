"""Dispatch of an execution's trials: the next trial, its worker group and its nodes, while nodes come and go."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from retable.cluster.worker_groups import cpus_beside
from retable.costs.cache import CostCache
from retable.execution.execution import Execution
from retable.planning.placement import (
    Decision,
    Node,
    PendingTrial,
    Placement,
    Reservation,
    WorkerGroup,
    choose,
    place,
)
from retable.planning.plan import PlannedTrial
from retable.store.assignment import Assignment
from retable.trial.config import TrialConfig
from retable.trial.step_cost import StepCost

LOOK_SECONDS = 1.0
"""Seconds between two looks at the cluster."""

FRESH = 20
"""Most trials for which worker groups are computed at one look."""


class Cluster(Protocol):
    """The cluster on which trials are placed."""

    @property
    def grows(self) -> bool:
        """True if nodes can be added on request."""
        ...

    def nodes(self) -> Sequence[Node]:
        """The nodes that may get work, with all their resources."""
        ...

    def used(self) -> Mapping[str, Mapping[str, float]]:
        """The used resources of each node, by all users."""
        ...

    def draining(self) -> Mapping[str, str]:
        """Display name by node, of the nodes that are about to be taken away."""
        ...

    def suspect(self, nodes: Sequence[str]) -> None:
        """Give these nodes no work until they have answered: something was lost there."""
        ...

    def request(self, worker_groups: Sequence[WorkerGroup]) -> None:
        """Request room for the waiting worker groups."""
        ...


@dataclass(frozen=True)
class Start:
    """The start of a trial: its assignment, its worker group and the nodes."""

    assignment: Assignment
    worker_group: WorkerGroup
    placement: Placement


@dataclass
class Dispatch:
    """Starts the trials of an execution, each once its requirements are finished and its worker group fits.

    Attributes:
        shape: the largest worker group of a trial.
        wait_seconds: seconds that a trial waits for a node on which it fits, before it is given up.
        stated: True if the user set the number of workers; otherwise a trial on GPUs gets as many as its memory needs.
        patience: seconds that a trial waits for its best worker group while nodes can be added, before it takes a smaller one.
        cost_of: step cost of a config; None if unknown.
        live: starts of running trials by signature.
    """

    execution: Execution
    shape: WorkerGroup
    cluster: Cluster
    wait_seconds: float = 1800.0
    stated: bool = True
    patience: float = 120.0
    cost_of: Callable[[TrialConfig], StepCost | None] = field(default_factory=lambda: CostCache().of)
    clock: Callable[[], float] = time.monotonic
    live: dict[str, Start] = field(default_factory=dict)
    _reservation: Reservation | None = None
    _nodes: Sequence[Node] = ()
    _known: dict[str, Node] = field(default_factory=dict)
    _worker_groups: dict[str, tuple[WorkerGroup | None, WorkerGroup | None]] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _next_look: float = 0.0

    def next(self) -> Start | None:
        """Start a trial, if one can start now."""
        now = self.clock()
        if now < self._next_look or self.execution.stopping:
            return None
        self._look()
        while True:
            choice = self._choose(now)
            self._reservation = choice.reservation
            if choice.start is None:
                self._next_look = now + LOOK_SECONDS  # only the end of a worker group can change this sooner
                return None
            wish, placement = choice.start
            planned = next(p for p in self.execution.plan.trials if p.signature == wish.key)
            where = self._where(wish.worker_group, placement)
            assignment = self.execution.begin(planned, wish.worker_group.workers, where)
            if assignment is not None:
                self.live[wish.key] = Start(assignment, wish.worker_group, placement)
                self._worker_groups.pop(wish.key, None)
                return self.live[wish.key]

    def ended(self, signature: str, *, lost: bool) -> None:
        """Release the resources of a trial whose attempt has ended. The nodes of a lost trial become suspect."""
        start = self.live.pop(signature)
        self._worker_groups.pop(signature, None)
        self._next_look = 0.0
        if lost:
            self.cluster.suspect(tuple(start.placement.counts))

    def worker_group_for(self, planned: PlannedTrial) -> WorkerGroup | None:
        """The worker group of the trial on the present nodes; None if none fits.

        Its workers share a micro-batch equally, and fit on their GPUs by the forecast of memory. A trial that others require
        takes a whole node; its result does not depend on that.
        """
        return self._best_and_possible(planned)[1]

    def _look(self) -> None:
        nodes = tuple(self.cluster.nodes())
        if nodes != self._nodes:
            self._nodes, self._worker_groups = nodes, {}
            self._known.update((node.name, node) for node in nodes)
            if self.shape.gpus:
                cpus = cpus_beside([node.resources for node in nodes], self.shape.gpus)
                self.shape = replace(self.shape, cpus=cpus)
        draining = self.cluster.draining()
        for signature, start in self.live.items():
            for name in start.placement.counts:
                if name in draining:
                    self.execution.move(signature, f"node {draining[name]} is being taken away")

    def _choose(self, now: float) -> Decision:
        free = self._free()
        one = replace(self.shape, workers=1)
        room = any(node.holds(one) for node in free) or not any(node.holds(one) for node in self._nodes)
        if not room and not self.cluster.grows:
            # No trial is requested now, so that a search suggests it later, with more results known.
            return Decision(None, self._reservation)
        wishes, wanted, missing, fresh = [], {}, {}, 0
        for planned in list(self.execution.ready()):
            signature = planned.signature
            if signature not in self._worker_groups:
                fresh += 1
                if fresh > FRESH:
                    break  # counting a new cost takes a second or two: the others follow at the next look
                self._worker_groups[signature] = self._best_and_possible(planned)
            best, possible = self._worker_groups[signature]
            if best is None:
                self.execution.refuse(planned)
                continue
            wanted[signature] = best
            since = now if possible == best else self._since.get(signature, now)
            self._since[signature] = since
            if possible is None or (possible != best and self.cluster.grows and now - since < self.patience):
                missing[signature] = planned
            else:
                wishes.append(PendingTrial(signature, possible))
        self._since = {signature: self._since[signature] for signature in wanted}
        self._tell(missing, now)
        choice = choose(wishes, self._nodes, free, self._reservation)
        if choice.start is not None:
            wanted.pop(choice.start[0].key)
        self.cluster.request(list(wanted.values()))
        return choice

    def _best_and_possible(self, planned: PlannedTrial) -> tuple[WorkerGroup | None, WorkerGroup | None]:
        """The best worker group of the trial, and the best that fits on the present nodes; None if there is none."""
        shapes = list(self._shapes(planned))
        possible = (worker_group for worker_group in shapes if place(worker_group, self._nodes, self._nodes))
        return next(iter(shapes), None), next(possible, None)

    def _free(self) -> list[Node]:
        """The free resources of each node. Ray registers starts and ends of worker groups a little later than we do."""
        ours: dict[str, dict[str, float]] = {}
        for start in self.live.values():
            for name, count in start.placement.counts.items():
                taken = ours.setdefault(name, {})
                for resource, amount in start.worker_group.worker.items():
                    taken[resource] = taken.get(resource, 0) + amount * count
        used = self.cluster.used()
        return [
            node.less(
                {
                    resource: max(
                        ours.get(node.name, {}).get(resource, 0), used.get(node.name, {}).get(resource, 0)
                    )
                    for resource in node.resources
                }
            )
            for node in self._nodes
        ]

    def _shapes(self, planned: PlannedTrial) -> Iterator[WorkerGroup]:
        """Worker groups that can train the trial, given nodes, in order of preference."""
        config = planned.trial.config
        awaited = any(planned.signature in other.requires for other in self.execution.plan.trials)
        most = self.shape.workers
        if awaited and (self.shape.gpus == 0 or self.shape.gpus == 1):
            most = max([most, *(node.holds(replace(self.shape, workers=1)) for node in self._nodes)])
        cost = self._cost(config)
        micro = config.batch_size // config.accumulate
        sizes: Sequence[int] = range(most, 0, -1)
        if self.shape.gpus and not self.stated and not awaited:
            sizes = range(most, micro + 1)
        for size in sizes:
            split = self.execution.split(planned, size)
            if split is not None:
                samples = max(micro // (size * split), 1)
                memory = 0.0 if cost is None else cost.memory_mb(samples, size)
                yield replace(self.shape, workers=size, memory_mb=memory)

    def _cost(self, config: TrialConfig) -> StepCost | None:
        if not self.shape.gpus:
            return None
        try:
            return self.cost_of(config)
        except (RuntimeError, ValueError):
            return None  # the step can't be counted or built: the trial itself will report it

    def _tell(self, missing: Mapping[str, PlannedTrial], now: float) -> None:
        """Report trials that fit on no present node. Give up those that have waited too long or can never start."""
        self.execution.waiting_reason = ""
        for signature, planned in missing.items():
            shapes = list(self._shapes(planned))
            worker_group = (
                shapes[0]
                if self.cluster.grows
                else min(shapes, key=lambda worker_group: worker_group.workers)
            )
            lacking = f"needs {worker_group.needs}, {self._present(worker_group)}"
            seen = list(self._known.values())
            if not self.cluster.grows and not any(place(shape, seen, seen) for shape in shapes):
                self.execution.refuse(planned, f"no node can hold it: {lacking}")
            elif now - self._since[signature] >= self.wait_seconds:
                minutes = f"{self.wait_seconds / 60:g} minutes"
                self.execution.refuse(planned, f"no node that can hold it came within {minutes}: {lacking}")
            elif not self.execution.waiting_reason:
                self.execution.waiting_reason = f"waiting for a node: {lacking}"

    def _present(self, worker_group: WorkerGroup) -> str:
        """The amount of the scarce resource on the present nodes, as text."""
        cards = sorted({node.gpu_gb for node in self._nodes if node.gpu_gb is not None})
        if worker_group.gpus and worker_group.memory_mb and cards:
            return f"the GPUs there have {', '.join(f'{card:.0f}' for card in cards)} GB"
        name = "GPU" if worker_group.gpus else "CPU"
        return f"{sum(node.resources.get(name, 0) for node in self._nodes):g} there"

    def _where(self, worker_group: WorkerGroup, placement: Placement) -> str:
        """The placement as text; empty on a single node."""
        if len(self._nodes) < 2:
            return ""
        return f"{worker_group.workers} worker{'s' * (worker_group.workers != 1)} {placement.reason}"
