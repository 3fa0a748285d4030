"""What gangs of workers a cluster can hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Gang:
    """The shape of a trial's workers: a machine knob, never part of a trial's identity.

    Attributes:
        workers: workers of one trial.
        cpus: CPUs of each worker.
        gpus: GPUs of each worker; a fraction shares one.
    """

    workers: int = 1
    cpus: float = 1
    gpus: float = 0

    @property
    def worker(self) -> dict[str, float]:
        """What Ray reserves for each worker."""
        return {"CPU": self.cpus, "GPU": self.gpus} if self.gpus else {"CPU": self.cpus}


class ImpossibleShapeError(ValueError):
    """The cluster can never hold the gang that was asked for."""


def gang_for(nodes: Sequence[Mapping[str, float]], workers: int | None) -> Gang:
    """The shape of gang that suits the nodes: a GPU for each worker where there are any, with its share of the CPUs.

    Args:
        workers: most workers of one trial; None for two on CPUs, where one of a trial's workers alone leaves the
            other core idle while it starts, and one on GPUs, where trials side by side need no communication.
    """
    with_gpus = [node for node in nodes if node.get("GPU", 0) >= 1]
    if with_gpus:
        cpus = min(max(node.get("CPU", 1) // node["GPU"], 1) for node in with_gpus)
        return Gang(workers=workers or 1, cpus=cpus, gpus=1)
    one = Gang(workers=1)
    return Gang(workers=workers or max(1, min(2, slots(nodes, one))))


def slots(nodes: Sequence[Mapping[str, float]], gang: Gang) -> int:
    """How many workers of that shape the nodes can hold at once; workers don't span nodes.

    Args:
        nodes: each node's resources, such as ``{"CPU": 2.0}``.
    """
    return sum(
        int(min(node.get(name, 0.0) / amount for name, amount in gang.worker.items() if amount > 0) + 1e-9)
        for node in nodes
    )


def checked_slots(nodes: Sequence[Mapping[str, float]], gang: Gang) -> int:
    """`slots`, refused at once where one gang could never be placed.

    Raises:
        ImpossibleShapeError: says what was asked and what there is.
    """
    if gang.workers < 1 or gang.cpus <= 0 or gang.gpus < 0:
        raise ImpossibleShapeError(f"a gang needs workers >= 1, cpus > 0 and gpus >= 0, but got {gang}")
    available = slots(nodes, gang)
    if available < gang.workers:
        have = "; ".join(f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise ImpossibleShapeError(
            f"asked for {gang.workers} workers of {gang.cpus:g} CPUs and {gang.gpus:g} GPUs each, but the cluster's "
            f"{len(nodes)} node(s) ({have}) can hold {available}; lower --workers or add nodes"
        )
    return available
