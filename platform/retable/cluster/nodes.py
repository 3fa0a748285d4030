"""The nodes of a Ray cluster while they come and go: their resources, their use, and nodes about to be taken away."""

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
from retable.store.formats.layout import ResultsFolder

KIND_LABEL = "ray.io/node-group"
LISTED = "local.cluster.node"
"""The node group of machines that a cluster's file lists by address: no machine can be added to it."""

PROBE_SECONDS = 30.0
"""Timeout of the first look, which waits for the GPUs' memory sizes."""


class RayCluster:
    """The cluster that this process is connected to, as the `Cluster` of `retable.cluster.dispatch`.

    Args:
        name: name of the study, under which nodes are requested from the autoscaler.
        own: True if the cluster is only ours and ends with the run: its nodes never change.

    Attributes:
        grows: True if there is an autoscaler.
    """

    def __init__(self, name: str, *, own: bool = False) -> None:
        self._own = own
        self.grows = not own and _autoscales()
        self._demand = Demand(name)
        self._suspected: dict[str, ray.ObjectRef] = {}
        self._probes: dict[str, ray.ObjectRef] = {}
        self._gpu_gb: dict[str, float | None] = {}

    def nodes(self) -> Sequence[Node]:
        """The live nodes that are not about to be taken away, with all their resources."""
        draining = self.draining()
        alive = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in draining]
        self._probe([node["NodeID"] for node in alive if node["Resources"].get("GPU")])
        alive.sort(key=lambda node: (node["NodeManagerAddress"], node["NodeID"]))
        return [Node(n["NodeID"], dict(n["Resources"]), self._gpu_gb.get(n["NodeID"])) for n in alive]

    def used(self) -> Mapping[str, Mapping[str, float]]:
        """The used resources of each node; all resources of a node that is suspected to be gone."""
        self._update_suspected()
        free = state.available_resources_per_node()
        return {
            name: {
                resource: amount - (0 if name in self._suspected else free.get(name, {}).get(resource, 0))
                for resource, amount in total.items()
            }
            for name, total in state.total_resources_per_node().items()
        }

    def draining(self) -> Mapping[str, str]:
        """Address by node of the nodes that are about to be taken away (by a spot market or an autoscaler)."""
        if self._own:
            return {}
        draining = state.state.get_draining_nodes()
        if not draining:
            return {}
        return {n["NodeID"]: n["NodeManagerAddress"] for n in ray.nodes() if n["NodeID"] in draining}

    def suspect(self, nodes: Sequence[str]) -> None:
        """Give these nodes no work until they have run a task: Ray takes a minute to notice that a host is gone."""
        for name in nodes:
            self._suspected[name] = _answer.options(scheduling_strategy=_on(name)).remote()

    def request(self, worker_groups: Sequence[WorkerGroup]) -> None:
        """Request room for these worker groups from the autoscaler, if there is one."""
        if self.grows:
            self._demand.request(worker_groups)

    def close(self) -> None:
        """Withdraw the request."""
        self._demand.withdraw()

    def _update_suspected(self) -> None:
        """Clear the suspicion of nodes that have answered, forget nodes that are gone, and probe the others again."""
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        self._suspected = {name: task for name, task in self._suspected.items() if name in alive}
        tasks = list(self._suspected.values())
        done = ray.wait(tasks, num_returns=len(tasks), timeout=0)[0] if tasks else []
        for name, task in list(self._suspected.items()):
            if task in done:
                del self._suspected[name]
                try:
                    ray.get(task)
                except ray.exceptions.RayError:  # no answer: Ray may have declared it dead meanwhile
                    self.suspect([name])

    def _probe(self, names: Sequence[str]) -> None:
        """Start to read the GPU memory of new nodes, and collect the answers. The first call waits for them."""
        first = not self._gpu_gb and not self._probes
        for name in names:
            if name not in self._gpu_gb and name not in self._probes:
                self._probes[name] = _gpu_memory.options(scheduling_strategy=_on(name)).remote()
        tasks = list(self._probes.values())
        done = ray.wait(tasks, num_returns=len(tasks), timeout=PROBE_SECONDS * first)[0] if tasks else []
        for name, answer in list(self._probes.items()):
            if answer in done:
                self._gpu_gb[name] = None
                with contextlib.suppress(ray.exceptions.RayError):  # then it stays unknown
                    self._gpu_gb[name] = ray.get(answer)
                del self._probes[name]


def live_nodes(address: str, results: Path) -> tuple[Node, ...]:
    """The live nodes of the running cluster at that address.

    Raises:
        ConnectionError: no cluster answers at the address.
    """
    with connected(address, ResultsFolder(results.resolve()).ray):
        return tuple(RayCluster("plan").nodes())


def _autoscales() -> bool:
    """True if an autoscaler adds nodes: it labels each node with its group."""
    kinds = {node.get("Labels", {}).get(KIND_LABEL, "") for node in ray.nodes()}
    return bool(kinds - {"", LISTED})


def _on(node: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node, soft=False)


@ray.remote(num_cpus=0, max_retries=0)  # type: ignore[untyped-decorator]  # Ray has no types
def _answer() -> None:
    """A probe: a node that runs it is alive."""


@ray.remote(num_cpus=0, max_retries=0)  # type: ignore[untyped-decorator]
def _gpu_memory() -> float | None:
    """Memory of the node's smallest GPU in GB; None if unknown. Read with nvidia-smi, which makes no CUDA context."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return min(float(line) for line in done.stdout.split()) / 1024
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
