"""Worker groups that fit on a cluster: the default shape for its nodes, and the number of workers that fit."""

from collections.abc import Mapping, Sequence

from retable.errors import RetableError
from retable.planning.placement import Node, WorkerGroup


class ImpossibleShapeError(RetableError, ValueError):
    """The cluster can never hold the worker group that was asked for."""


def worker_group_for(
    nodes: Sequence[Mapping[str, float]],
    workers: int | None,
    gpus: float | None = None,
    *,
    grows: bool = False,
) -> WorkerGroup:
    """The worker group that suits the nodes: a GPU for each worker if there are any, with its share of the CPUs.

    Args:
        workers: most workers of one trial; None for two on CPUs, since a single worker would leave the other core idle while it
            starts, and one on GPUs, since trials side by side need no communication.
        gpus: GPUs of each worker, up to 1; None for one if there are any, 0 for none. A fraction is rounded down to 1/2, 1/3,
            1/4 … of a GPU: a worker never uses two.
        grows: True if an autoscaler adds nodes. If no node can train yet, new nodes are assumed to have GPUs.

    Raises:
        ImpossibleShapeError: workers of one group would share a GPU, which NCCL does not support.
    """
    if gpus is None:
        nothing = not any(node.get("CPU", 0) >= 1 for node in nodes)
        gpus = float(any(node.get("GPU", 0) >= 1 for node in nodes) or (grows and nothing))
    if gpus == 0:
        one = WorkerGroup(workers=1)
        return WorkerGroup(workers=workers or max(1, min(2, slots(nodes, one) or 2 * grows)))
    if not 0 < gpus <= 1:
        raise ImpossibleShapeError(
            f"--gpus-per-worker must be at most 1, for a worker computes on one GPU, but got {gpus:g}",
            remedy="--workers gives a trial more of them",
        )
    if gpus < 1 and (workers or 1) > 1:
        raise ImpossibleShapeError(
            f"--gpus-per-worker {gpus:g} needs --workers 1, but got {workers}: a trial's workers can't talk to each other "
            "on one GPU",
            remedy="leave one of the two options out",
        )
    share = _rounded_down(1 / int(1 / gpus + 1e-6))
    return WorkerGroup(workers=workers or 1, cpus=cpus_beside(nodes, share), gpus=share)


def cpus_beside(nodes: Sequence[Mapping[str, float]], gpus: float) -> float:
    """CPUs of a worker with that share of a GPU, the smallest over all nodes with GPUs; 1 if no node has GPUs."""
    each = min(
        (node.get("CPU", 1) * gpus / node["GPU"] for node in nodes if node.get("GPU", 0) >= 1), default=1.0
    )
    if each >= 1:
        return each // 1
    return 1.0 if gpus == 1 else _rounded_down(each)


def _rounded_down(share: float) -> float:
    """The share rounded down to the four digits of Ray's resources, so that 1/3 fits three times."""
    return int(share * 10_000) / 10_000


def slots(nodes: Sequence[Mapping[str, float]], worker_group: WorkerGroup) -> int:
    """Number of workers of that shape that fit on the nodes at once. A worker does not span nodes.

    Args:
        nodes: each node's resources, such as ``{"CPU": 2.0}``.
    """
    return sum(Node("", node).holds(worker_group) for node in nodes)


def checked_slots(nodes: Sequence[Mapping[str, float]], worker_group: WorkerGroup) -> int:
    """`slots`, with an error if not even one worker group fits.

    Raises:
        ImpossibleShapeError: the worker group can never fit; the message gives its resources and the cluster's.
    """
    if worker_group.workers < 1 or worker_group.cpus <= 0 or worker_group.gpus < 0:
        raise ImpossibleShapeError(
            f"a worker group needs workers >= 1, cpus > 0 and gpus >= 0, but got {worker_group}"
        )
    available = slots(nodes, worker_group)
    if available < worker_group.workers:
        have = "; ".join(f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise ImpossibleShapeError(
            f"asked for {worker_group.workers} workers of {worker_group.cpus:g} CPUs and {worker_group.gpus:g} GPUs each, but the cluster's "
            f"{len(nodes)} node(s) ({have}) can hold {available}",
            remedy="lower --workers or add nodes",
        )
    return available
