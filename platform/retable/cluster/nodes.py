"""The nodes of a Ray cluster as they come and go: what each has, what is taken, which are about to leave."""

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import ray
from ray._private import state
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from retable.cluster.autoscaling import Demand
from retable.cluster.connection.connect import connected
from retable.planning.placement import Node, WorkerGroup

KIND_LABEL = "ray.io/node-group"
LISTED = "local.cluster.node"
"""The kind of the machines that a cluster's file lists one by one: none can be added."""

PROBE_SECONDS = 30.0
"""How long the first look waits to learn what GPUs there are."""


class RayCluster:
    """The cluster that this process is connected to, as `retable.cluster.dispatch` wants to know it.

    Args:
        name: of the study, under which the autoscaler is asked for nodes.
        own: whether the cluster is ours alone and ends with the run: nobody brings nodes to it or takes any away.

    Attributes:
        grows: whether there is an autoscaler.
    """

    def __init__(self, name: str, *, own: bool = False) -> None:
        self._own = own
        self.grows = not own and _autoscales()
        self._demand = Demand(name)
        self._doubted: dict[str, ray.ObjectRef] = {}
        self._probes: dict[str, ray.ObjectRef] = {}
        self._gpu_gb: dict[str, float | None] = {}

    def nodes(self) -> Sequence[Node]:
        """The living nodes that nobody is about to take away, with all that they have."""
        leaving = self.leaving()
        alive = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in leaving]
        self._probe([node["NodeID"] for node in alive if node["Resources"].get("GPU")])
        alive.sort(key=lambda node: (node["NodeManagerAddress"], node["NodeID"]))
        return [Node(n["NodeID"], dict(n["Resources"]), self._gpu_gb.get(n["NodeID"])) for n in alive]

    def used(self) -> Mapping[str, Mapping[str, float]]:
        """What is taken of each node, by whomever; all of one that has yet to show that it lives."""
        self._hear()
        free = state.available_resources_per_node()
        return {
            name: {
                resource: amount - (0 if name in self._doubted else free.get(name, {}).get(resource, 0))
                for resource, amount in total.items()
            }
            for name, total in state.total_resources_per_node().items()
        }

    def leaving(self) -> Mapping[str, str]:
        """Nodes that are about to be taken away (a spot instance, an autoscaler's), and their addresses."""
        if self._own:
            return {}
        draining = state.state.get_draining_nodes()
        if not draining:
            return {}
        return {n["NodeID"]: n["NodeManagerAddress"] for n in ray.nodes() if n["NodeID"] in draining}

    def doubt(self, nodes: Sequence[str]) -> None:
        """Give these nodes no work before they have run a task: Ray takes a minute to notice that a host is gone."""
        for name in nodes:
            self._doubted[name] = _answer.options(scheduling_strategy=_on(name)).remote()

    def want(self, worker_groups: Sequence[WorkerGroup]) -> None:
        """Ask the autoscaler, if there is one, for room for these worker groups."""
        if self.grows:
            self._demand.ask(worker_groups)

    def close(self) -> None:
        """Ask for nothing any more."""
        self._demand.withdraw()

    def _hear(self) -> None:
        """Trust again the nodes that have answered, forget those that are gone, and ask the others again."""
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        self._doubted = {name: asked for name, asked in self._doubted.items() if name in alive}
        asked_of = list(self._doubted.values())
        done = ray.wait(asked_of, num_returns=len(asked_of), timeout=0)[0] if asked_of else []
        for name, asked in list(self._doubted.items()):
            if asked in done:
                del self._doubted[name]
                try:
                    ray.get(asked)
                except ray.exceptions.RayError:  # no answer: it may have been taken for dead in between
                    self.doubt([name])

    def _probe(self, names: Sequence[str]) -> None:
        """Find out what GPUs new nodes have; the first time, wait for it."""
        first = not self._gpu_gb and not self._probes
        for name in names:
            if name not in self._gpu_gb and name not in self._probes:
                self._probes[name] = _gpu_memory.options(scheduling_strategy=_on(name)).remote()
        asked = list(self._probes.values())
        done = ray.wait(asked, num_returns=len(asked), timeout=PROBE_SECONDS * first)[0] if asked else []
        for name, answer in list(self._probes.items()):
            if answer in done:
                self._gpu_gb[name] = None
                with contextlib.suppress(ray.exceptions.RayError):  # then nobody knows
                    self._gpu_gb[name] = ray.get(answer)
                del self._probes[name]


def living(address: str, results: Path) -> tuple[Node, ...]:
    """The nodes of the running cluster at that address.

    Raises:
        ConnectionError: nothing answers at the address.
    """
    with connected(address, results.resolve() / "ray"):
        return tuple(RayCluster("plan").nodes())


def _autoscales() -> bool:
    """Whether an autoscaler brings nodes: whoever starts nodes of several kinds says of each which kind it is."""
    kinds = {node.get("Labels", {}).get(KIND_LABEL, "") for node in ray.nodes()}
    return bool(kinds - {"", LISTED})


def _on(node: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node, soft=False)


@ray.remote(num_cpus=0, max_retries=0)  # type: ignore[untyped-decorator]  # Ray has no types
def _answer() -> None:
    """That it ran at all is the answer."""


@ray.remote(num_cpus=0, max_retries=0)  # type: ignore[untyped-decorator]
def _gpu_memory() -> float | None:
    """GB of the node's smallest GPU; None where it can't be told. Asked of the driver, so that no context is made."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return min(float(line) for line in done.stdout.split()) / 1024
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
