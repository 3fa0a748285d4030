"""Placement of worker groups on nodes, and the order in which trials start. Knows no Ray: a node is its resources."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from retable.trial.step_cost import room_mb

TOLERANCE = 1e-6  # rounding error of a share of a resource


@dataclass(frozen=True, kw_only=True)
class WorkerGroup:
    """Size of a trial's worker group. It is never part of a trial's identity.

    Attributes:
        workers: number of workers.
        cpus: CPUs of each worker.
        gpus: GPUs of each worker; a fraction shares a GPU.
        memory_mb: predicted peak of each worker's tensors on its GPU, in MiB; 0 if it is not known.
    """

    workers: int = 1
    cpus: float = 1
    gpus: float = 0
    memory_mb: float = 0

    @property
    def worker(self) -> dict[str, float]:
        """Resources of each worker, by Ray's names."""
        return {"CPU": self.cpus, "GPU": self.gpus} if self.gpus else {"CPU": self.cpus}

    @property
    def needs(self) -> str:
        """Text on the resources of the whole group, such as ``4 GPUs``."""
        if not self.gpus:
            return _amount(self.workers * self.cpus, "CPU")
        gpus = _amount(self.workers * self.gpus, "GPU")
        return f"{gpus} with {self.memory_mb / 1024:.1f} GB for each worker" if self.memory_mb else gpus


@dataclass(frozen=True)
class Node:
    """Node of a cluster with its resources, either all of them or the free ones.

    Attributes:
        resources: amount of each resource, such as ``{"CPU": 16, "GPU": 4}``.
        gpu_gb: memory of each of its GPUs in GiB; None if it has none, or if it is not known.
    """

    name: str
    resources: Mapping[str, float]
    gpu_gb: float | None = None

    def holds(self, worker_group: WorkerGroup) -> int:
        """Number of workers of this kind that the node can hold."""
        if (
            worker_group.gpus
            and self.gpu_gb is not None
            and worker_group.memory_mb > room_mb(self.gpu_gb, worker_group.gpus)
        ):
            return 0
        shares = (
            self.resources.get(name, 0) / amount for name, amount in worker_group.worker.items() if amount > 0
        )
        return max(int(min(shares) + TOLERANCE), 0)

    def less(self, taken: Mapping[str, float]) -> "Node":
        """The node with these amounts taken from its resources, none below 0."""
        left = {name: max(amount - taken.get(name, 0), 0) for name, amount in self.resources.items()}
        return replace(self, resources=left)


@dataclass(frozen=True)
class Placement:
    """Placement of a worker group.

    Attributes:
        counts: name of a node -> number of workers on it.
        reason: ``packed on one node``, or the number of nodes and the reason for it.
    """

    counts: Mapping[str, int]
    reason: str

    @property
    def strategy(self) -> Literal["STRICT_PACK", "PACK"]:
        """Ray's name of the placement strategy."""
        return "STRICT_PACK" if len(self.counts) == 1 else "PACK"

    @property
    def nodes(self) -> tuple[str, ...]:
        """Name of the node of each worker."""
        return tuple(name for name, count in self.counts.items() for _ in range(count))


def place(worker_group: WorkerGroup, nodes: Sequence[Node], free: Sequence[Node]) -> Placement | None:
    """Place a worker group on free resources: on one node if any could ever hold it, else on the fewest nodes.

    Of several possible nodes, the group gets the one with the smallest GPUs, then the one with the least room, so that
    large groups find room elsewhere. A group without GPUs avoids nodes with GPUs.

    Args:
        worker_group: group to place.
        nodes: nodes with all their resources.
        free: the same nodes with their free resources.

    Returns:
        None if the group cannot start now.
    """
    large = {node.name for node in nodes if node.holds(worker_group) >= worker_group.workers}
    if large:
        able = [
            node for node in free if node.name in large and node.holds(worker_group) >= worker_group.workers
        ]
        if not able:
            return None
        chosen = min(able, key=lambda node: (_gpu_rank(worker_group, node), node.holds(worker_group)))
        return Placement({chosen.name: worker_group.workers}, "packed on one node")
    counts = _spread(worker_group, [(node.name, node.holds(worker_group)) for node in free])
    if counts is None:
        return None
    bare = replace(worker_group, memory_mb=0)
    lacking = worker_group if any(node.holds(bare) >= worker_group.workers for node in nodes) else bare
    return Placement(counts, f"spread over {len(counts)} nodes: no node has {lacking.needs}")


@dataclass(frozen=True)
class PendingTrial:
    """Trial that is ready to start, with its worker group."""

    key: str
    worker_group: WorkerGroup


@dataclass(frozen=True)
class Reservation:
    """Reservation of nodes for the first pending trial that does not fit, until it starts.

    Attributes:
        trial: the trial that starts there.
        counts: name of a node -> number of workers that it is reserved for.
    """

    trial: PendingTrial
    counts: Mapping[str, int]

    def beside(self, free: Sequence[Node]) -> list[Node]:
        """Free resources of the nodes without the reserved ones."""
        worker = self.trial.worker_group.worker
        return [
            node.less({name: amount * self.counts.get(node.name, 0) for name, amount in worker.items()})
            for node in free
        ]


@dataclass(frozen=True)
class Decision:
    """Decision of the scheduler: the trial that starts now, and the reservation for another."""

    start: tuple[PendingTrial, Placement] | None
    reservation: Reservation | None


def choose(
    pending: Iterable[PendingTrial],
    nodes: Sequence[Node],
    free: Sequence[Node],
    reservation: Reservation | None = None,
) -> Decision:
    """Choose the next trial to start; a trial that does not fit is not started.

    Trials start in their order. The first that does not fit gets a reservation of nodes and keeps it until it starts,
    on these nodes or on others. Later trials start only beside the reservation. So only reserved resources are idle
    while a trial could use them, and no trial waits for ever, since nothing else starts on reserved resources.

    Args:
        pending: trials that are ready to start, in their order.
        nodes: nodes with all their resources.
        free: the same nodes with their free resources.
        reservation: reservation of the last decision.
    """
    waiting = list(pending)
    names = {node.name for node in nodes}
    if reservation and (reservation.trial not in waiting or not names.issuperset(reservation.counts)):
        reservation = None  # the trial is not pending any more, or one of the nodes is gone
    beside = free if reservation is None else reservation.beside(free)
    rejected: set[WorkerGroup] = set()
    for trial in waiting:
        own = reservation is not None and reservation.trial == trial
        if not own and trial.worker_group in rejected:
            continue
        placement = place(trial.worker_group, nodes, free if own else beside)
        if placement is not None:
            return Decision((trial, placement), None if own else reservation)
        rejected.add(trial.worker_group)
        if reservation is None and (counts := _target(trial.worker_group, nodes, free)) is not None:
            reservation = Reservation(trial, counts)
            beside = reservation.beside(free)
    return Decision(None, reservation)


def _target(worker_group: WorkerGroup, nodes: Sequence[Node], free: Sequence[Node]) -> dict[str, int] | None:
    """Nodes to reserve, those where the group probably fits first; None if these nodes can never hold it."""
    now = {node.name: node.holds(worker_group) for node in free}
    large = [node.name for node in nodes if node.holds(worker_group) >= worker_group.workers]
    if large:
        return {max(large, key=lambda name: now[name]): worker_group.workers}
    most = sorted(nodes, key=lambda node: -now[node.name])
    return _spread(
        worker_group, [(node.name, node.holds(worker_group)) for node in most], largest_first=False
    )


def _spread(
    worker_group: WorkerGroup, room: Sequence[tuple[str, int]], *, largest_first: bool = True
) -> dict[str, int] | None:
    """Number of workers on each node, given each node's capacity; None if there are too many workers."""
    counts: dict[str, int] = {}
    missing = worker_group.workers
    for name, most in sorted(room, key=lambda one: -one[1]) if largest_first else room:
        if count := min(most, missing):
            counts[name] = count
            missing -= count
    return None if missing else counts


def _gpu_rank(worker_group: WorkerGroup, node: Node) -> float:
    """Rank of a node by its GPUs, the least first: by their memory for a group with GPUs, else by their number."""
    return (node.gpu_gb or 0.0) if worker_group.gpus else node.resources.get("GPU", 0)


def _amount(number: float, name: str) -> str:
    return f"{number:g} {name}{'s' * (number != 1)}"
