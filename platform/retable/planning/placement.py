"""Which node holds which of a worker group's workers, and which trial starts next. Knows no Ray: nodes are numbers here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from retable.trial.step_cost import room_mb

SLIVER = 1e-6  # of a resource: what rounding may take


@dataclass(frozen=True, kw_only=True)
class WorkerGroup:
    """The shape of a trial's workers: a machine knob, never part of a trial's identity.

    Attributes:
        workers: workers of one trial.
        cpus: CPUs of each worker.
        gpus: GPUs of each worker; a fraction shares one.
        memory_mb: predicted peak of each worker's tensors on its GPU, in MiB; 0 where nobody knows.
    """

    workers: int = 1
    cpus: float = 1
    gpus: float = 0
    memory_mb: float = 0

    @property
    def worker(self) -> dict[str, float]:
        """What Ray reserves for each worker."""
        return {"CPU": self.cpus, "GPU": self.gpus} if self.gpus else {"CPU": self.cpus}

    @property
    def needs(self) -> str:
        """What all of it takes, in words: ``4 GPUs``."""
        if not self.gpus:
            return _amount(self.workers * self.cpus, "CPU")
        gpus = _amount(self.workers * self.gpus, "GPU")
        return f"{gpus} with {self.memory_mb / 1024:.1f} GB for each worker" if self.memory_mb else gpus


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: all that it has, or what is left of it.

    Attributes:
        resources: amount of each, such as ``{"CPU": 16, "GPU": 4}``.
        gpu_gb: memory of each of its GPUs (2^30 bytes); None where it has none, or nobody knows.
    """

    name: str
    resources: Mapping[str, float]
    gpu_gb: float | None = None

    def holds(self, worker_group: WorkerGroup) -> int:
        """How many of the worker group's workers, or of more like them, it can hold."""
        if (
            worker_group.gpus
            and self.gpu_gb is not None
            and worker_group.memory_mb > room_mb(self.gpu_gb, worker_group.gpus)
        ):
            return 0
        shares = (
            self.resources.get(name, 0) / amount for name, amount in worker_group.worker.items() if amount > 0
        )
        return max(int(min(shares) + SLIVER), 0)

    def less(self, taken: Mapping[str, float]) -> "Node":
        """What is left of it, nowhere less than nothing."""
        left = {name: max(amount - taken.get(name, 0), 0) for name, amount in self.resources.items()}
        return replace(self, resources=left)


@dataclass(frozen=True)
class Placement:
    """Where a worker group runs.

    Attributes:
        counts: node -> how many of the workers.
        reason: ``packed on one node``, or over how many it is spread and why.
    """

    counts: Mapping[str, int]
    reason: str

    @property
    def strategy(self) -> Literal["STRICT_PACK", "PACK"]:
        """Ray's name for it."""
        return "STRICT_PACK" if len(self.counts) == 1 else "PACK"

    @property
    def nodes(self) -> tuple[str, ...]:
        """The node of each worker."""
        return tuple(name for name, count in self.counts.items() for _ in range(count))


def place(worker_group: WorkerGroup, nodes: Sequence[Node], free: Sequence[Node]) -> Placement | None:
    """Where a worker group can start now: on one node if any could ever hold it, else on the fewest; None if nowhere yet.

    Where several nodes can, it is the one with the least room, so that large worker groups find large holes, and the smallest
    GPUs that hold it; a worker group without GPUs keeps off nodes that have some.

    Args:
        nodes: with all that they have.
        free: the same with what is left of each.
    """
    roomy = {node.name for node in nodes if node.holds(worker_group) >= worker_group.workers}
    if roomy:
        able = [
            node for node in free if node.name in roomy and node.holds(worker_group) >= worker_group.workers
        ]
        if not able:
            return None
        chosen = min(able, key=lambda node: (_luxury(worker_group, node), node.holds(worker_group)))
        return Placement({chosen.name: worker_group.workers}, "packed on one node")
    counts = _spread(worker_group, [(node.name, node.holds(worker_group)) for node in free])
    if counts is None:
        return None
    bare = replace(worker_group, memory_mb=0)
    lacking = worker_group if any(node.holds(bare) >= worker_group.workers for node in nodes) else bare
    return Placement(counts, f"spread over {len(counts)} nodes: no node has {lacking.needs}")


@dataclass(frozen=True)
class Wish:
    """A trial that is ready to start, and the worker group that it wants."""

    key: str
    worker_group: WorkerGroup


@dataclass(frozen=True)
class Reservation:
    """What is kept for the trial whose turn it is, until its worker group fits there.

    Attributes:
        counts: node -> how many of its workers it is to hold.
    """

    wish: Wish
    counts: Mapping[str, int]

    def beside(self, free: Sequence[Node]) -> list[Node]:
        """What it leaves to others."""
        worker = self.wish.worker_group.worker
        return [
            node.less({name: amount * self.counts.get(node.name, 0) for name, amount in worker.items()})
            for node in free
        ]


@dataclass(frozen=True)
class Choice:
    """The trial that starts now, and what is kept for another."""

    start: tuple[Wish, Placement] | None
    reservation: Reservation | None


def choose(
    wishes: Iterable[Wish],
    nodes: Sequence[Node],
    free: Sequence[Node],
    reservation: Reservation | None = None,
) -> Choice:
    """The next trial to start. Starts nothing that does not fit.

    The rule: trials start in their order. The first that does not fit gets nodes reserved, and keeps them until it
    starts, wherever it fits first; those behind it start only on what is left beside that. So nothing that could run
    stands idle but what a reservation keeps, and nothing waits for ever: a reserved node only ever empties.

    Args:
        wishes: in their order.
        nodes: with all that they have.
        free: the same with what is left of each.
        reservation: the one of the last choice.
    """
    waiting = list(wishes)
    names = {node.name for node in nodes}
    if reservation and (reservation.wish not in waiting or not names.issuperset(reservation.counts)):
        reservation = None  # it does not want it any more, or a node of it is gone
    beside = free if reservation is None else reservation.beside(free)
    hopeless: set[WorkerGroup] = set()
    for wish in waiting:
        own = reservation is not None and reservation.wish == wish
        if not own and wish.worker_group in hopeless:
            continue
        placement = place(wish.worker_group, nodes, free if own else beside)
        if placement is not None:
            return Choice((wish, placement), None if own else reservation)
        hopeless.add(wish.worker_group)
        if reservation is None and (counts := _target(wish.worker_group, nodes, free)) is not None:
            reservation = Reservation(wish, counts)
            beside = reservation.beside(free)
    return Choice(None, reservation)


def _target(worker_group: WorkerGroup, nodes: Sequence[Node], free: Sequence[Node]) -> dict[str, int] | None:
    """Where a worker group is likely to fit first; None if these nodes can never hold it."""
    now = {node.name: node.holds(worker_group) for node in free}
    roomy = [node.name for node in nodes if node.holds(worker_group) >= worker_group.workers]
    if roomy:
        return {max(roomy, key=lambda name: now[name]): worker_group.workers}
    most = sorted(nodes, key=lambda node: -now[node.name])
    return _spread(
        worker_group, [(node.name, node.holds(worker_group)) for node in most], largest_first=False
    )


def _spread(
    worker_group: WorkerGroup, room: Sequence[tuple[str, int]], *, largest_first: bool = True
) -> dict[str, int] | None:
    """The workers shared out over nodes with room for so many of them; None if they are too many."""
    counts: dict[str, int] = {}
    missing = worker_group.workers
    for name, most in sorted(room, key=lambda one: -one[1]) if largest_first else room:
        if count := min(most, missing):
            counts[name] = count
            missing -= count
    return None if missing else counts


def _luxury(worker_group: WorkerGroup, node: Node) -> float:
    """What of the node would be wasted on the worker group."""
    return (node.gpu_gb or 0.0) if worker_group.gpus else node.resources.get("GPU", 0)


def _amount(number: float, name: str) -> str:
    return f"{number:g} {name}{'s' * (number != 1)}"
