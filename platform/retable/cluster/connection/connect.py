"""Connection to Ray: a cluster of our own on this machine, or a running one of which this machine is a node."""

import gc
import json
import logging
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import ray
from ray import cloudpickle
from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR
from ray.exceptions import AuthenticationError

from retable.cluster.connection.preflight import NodesDifferError, check_versions, missing_folders
from retable.cluster.connection.settings import SETTINGS
from retable.cluster.connection.token import ClusterError, protect, token_file
from retable.environment.sources import checkout
from retable.errors import OptionError

PASSED_ON = ("RETABLE_CACHE",)
"""Variables that workers take from the driver. If they are not set, workers use the defaults of their own machine."""

QUIETLY: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
PROC = Path("/proc")
REACH_SECONDS = 10
log = logging.getLogger(__name__)


@contextmanager
def connected(
    address: str | None, scratch: Path, shared: Sequence[Path] = ()
) -> Iterator[list[dict[str, float]]]:
    """A connection to Ray for the length of the block: to a cluster of its own on this machine, or to a running one.

    Yields the resources of each live node. Only a cluster started here is ended. The dashboard is on, on loopback: without it,
    every trial that Tune stops keeps its placement group forever.

    On a running cluster the nodes are checked first: their versions, and the shared folders. Differences that are no errors are
    logged as warnings.

    Args:
        address: ``auto`` or ``host:port`` of a cluster of which this machine is a node; None for a cluster of its own.
        scratch: a folder for temporary files, which is made.
        shared: folders that workers read or write by their path; a file is written to the last one.

    Raises:
        OptionError: a driver can't run on this machine with such an address.
        ClusterError: no cluster answers at the address, or it refuses us.
        NodesDifferError: a node has other code, Python, Ray or torch, or lacks a shared folder.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    if address is None:
        # "local", since without an address Ray joins any cluster that it finds on this machine.
        ray.init(address="local", include_dashboard=True, dashboard_host="127.0.0.1", **QUIETLY)
        protect(token_file())
        try:
            yield _resources()
        finally:
            _disconnect()
        return
    with joined(address):
        check_nodes(shared)
        yield _resources()


@contextmanager
def joined(address: str) -> Iterator[str]:
    """A connection to the running cluster at that address, for the length of the block. Its nodes are not checked.

    Yields the address of its dashboard, ``host:port``; empty if it has none.

    Raises:
        OptionError: a driver can't run on this machine with such an address.
        ClusterError: no cluster answers at the address, or it refuses us.
        NodesDifferError: the cluster was started with another Python or Ray.
    """
    _refuse_remote_address(address)
    with tempfile.TemporaryDirectory() as folder:
        environment = runtime_environment(Path(folder))
        try:
            context = ray.init(address=address, runtime_env=environment, **QUIETLY)
        except (ConnectionError, RuntimeError, ValueError, AuthenticationError) as error:
            raise _explained(error, address) from error
    try:
        yield context.dashboard_url or ""
    finally:
        _disconnect()


def pickle_by_value(modules: Iterable[ModuleType]) -> None:
    """Send the classes of these modules to workers with their code, as those of a script are: workers can't import them."""
    for module in modules:
        cloudpickle.register_pickle_by_value(module)


def _disconnect() -> None:
    """Disconnect while no other thread releases Ray's objects.

    Ray ends the whole process, before its tables are printed, if the last reference to an object is released during its
    shutdown. Garbage collection in another thread, such as the uploader's, would do that.
    """
    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()


def _resources() -> list[dict[str, float]]:
    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def runtime_environment(folder: Path) -> dict[str, Any]:
    """The runtime environment with which the workers of a running cluster find our code.

    Args:
        folder: folder for the archive; Ray reads it once, when it connects.

    Raises:
        SourcesError: the checkout is too large to travel.
    """
    job = json.loads(os.environ.get(RAY_JOB_CONFIG_JSON_ENV_VAR, "{}")).get("runtime_env") or {}
    ours = "working_dir" not in job  # a job of ours got the code when it was submitted
    sources = checkout() if ours else None
    variables = {} if sources is None else {"PYTHONPATH": "platform"}
    variables |= {name: os.environ[name] for name in (*PASSED_ON, *SETTINGS) if name in os.environ}
    # Ray refuses a variable that the job has set, even to the same value.
    variables = {name: value for name, value in variables.items() if name not in job.get("env_vars", {})}
    if sources is None:
        return {"env_vars": variables}  # sent before, or installed as a wheel, which the nodes must have too
    archive = folder / "checkout.zip"
    sources.pack(archive)
    return {"working_dir": str(archive), "env_vars": variables}


def check_nodes(shared: Sequence[Path]) -> None:
    """Check that every node can run this driver's code and has the shared folders. Other differences are logged as warnings.

    Raises:
        NodesDifferError: some node can't; the message names all such nodes.
    """
    for warning in check_versions():
        log.warning("%s", warning)
    if shared and (absent := missing_folders(shared)):
        listed = "\n".join(f"  {node}: {path}" for node, path in absent.items())
        raise NodesDifferError(
            f"these nodes lack a folder that workers need at the same path as here; nothing was started:\n{listed}",
            remedy="put results (--out, or RETABLE_STORAGE of the cluster), data (--data) and the cache (RETABLE_CACHE) on a "
            "file system that all nodes share",
        )


def _explained(error: Exception, address: str) -> Exception:
    """The error for the user when Ray refuses to connect."""
    if "Version mismatch" in str(error):
        return NodesDifferError(
            f"the cluster at {address} was started with another Ray or Python: {error}",
            remedy="start both from one environment",
        )
    return ClusterError(
        f"no Ray cluster answers at {address}: {error}",
        remedy="start one with `ray up ray_cluster.yaml` or leave out --address; a cluster with token authentication needs "
        f"its token in {token_file()} on this machine",
    )


def _refuse_remote_address(address: str) -> None:
    """Refuse at once an address that Ray would refuse after a minute, or never.

    Raises:
        OptionError: no driver can run on this machine with an address of this kind.
        ClusterError: nothing listens there, or this machine is no node of a cluster.
    """
    if address.startswith("ray://"):
        raise OptionError(
            f"a driver can't train through Ray Client ({address}): its ledger and results would be on this machine, "
            "where no worker sees them",
            remedy="run the study on the cluster: `retable submit STUDY --cluster FILE`, or --address http://HEAD:8265",
        )
    if "://" in address or address.endswith((".yaml", ".yml")):
        raise OptionError(
            f"this runs only on a node of the cluster, with --address auto, but got {address}",
            remedy="`retable submit`, `status`, `table` and `logs` work from other machines",
        )
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return  # auto, local: a cluster that Ray finds on this machine
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"nothing listens at {address}: {error}", remedy="check that the cluster is up, and try again"
        ) from error
    if not _a_node_runs_here():
        raise ClusterError(
            f"this machine is no node of the cluster at {address}, and a driver must run on one, where results are",
            remedy="from here: `retable submit STUDY --cluster FILE`, or --address http://HEAD:8265",
        )


def _a_node_runs_here() -> bool:
    """True if a Ray node runs on this machine, or if that is unknown."""
    if not PROC.is_dir():
        return True
    for name in PROC.glob("[0-9]*/comm"):
        try:
            if name.read_text().strip() == "raylet":
                return True
        except OSError:
            continue  # it has just ended
    return False
