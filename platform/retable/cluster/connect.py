"""Connecting to Ray: a cluster of our own on this machine, or the running one of which this machine is a node."""

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

from retable.cluster import SETTINGS
from retable.cluster.preflight import NodesDifferError, check_versions, unseen
from retable.cluster.token import protect, token_file
from retable.environment.sources import checkout

PASSED_ON = ("RETABLE_CACHE",)
"""Variables that workers take from the driver. Without them they use what is usual on their own machine."""

QUIETLY: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
PROC = Path("/proc")
REACH_SECONDS = 10
log = logging.getLogger(__name__)


@contextmanager
def connected(
    address: str | None, scratch: Path, shared: Sequence[Path] = ()
) -> Iterator[list[dict[str, float]]]:
    """Ray, for the length of the block: a cluster of its own here, or the running one at that address.

    Yields each living node's resources. Ends only the Ray that it started. The dashboard is on, on loopback: with
    it off, every trial that Tune stops keeps its placement group for ever.

    A running cluster's nodes are asked first for their versions and whether they see what is shared; what had
    better agree and does not is logged as a warning.

    Args:
        address: ``auto`` or ``host:port`` of a cluster of which this machine is a node.
        scratch: a folder that is made.
        shared: folders that workers read or write by their path; the last one is written to.

    Raises:
        ValueError: a driver can't run here at such an address.
        ConnectionError: nothing answers at the address, or not to us.
        NodesDifferError: a node has other code, Python, Ray or torch, or does not see what is shared.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    if address is None:
        # "local", for without an address Ray joins whatever cluster it finds on this machine.
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
    """The running cluster at that address, for the length of the block; its nodes may be as they are.

    Yields its dashboard's address, ``host:port``; empty if it has none.

    Raises:
        ValueError: a driver can't run here at such an address.
        ConnectionError: nothing answers at the address, or not to us.
        NodesDifferError: it was started with another Python or Ray.
    """
    _refuse_remote_address(address)
    with tempfile.TemporaryDirectory() as folder:
        environment = travelling(Path(folder))
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
    """End the connection while no other thread lets go of Ray's objects.

    Ray ends the whole process, before its tables are printed, where an object's last reference goes while it shuts
    down; a thread that happens to collect garbage then, such as the shipper's, does just that.
    """
    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()


def _resources() -> list[dict[str, float]]:
    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def travelling(folder: Path) -> dict[str, Any]:
    """The runtime environment by which a running cluster's workers find this code.

    Args:
        folder: where the archive is written; Ray reads it once, when it connects.

    Raises:
        ValueError: the checkout is too large to travel.
    """
    job = json.loads(os.environ.get(RAY_JOB_CONFIG_JSON_ENV_VAR, "{}")).get("runtime_env") or {}
    ours = "working_dir" not in job  # in a job of ours the code travelled when it was submitted
    sources = checkout() if ours else None
    variables = {} if sources is None else {"PYTHONPATH": "platform"}
    variables |= {name: os.environ[name] for name in (*PASSED_ON, *SETTINGS) if name in os.environ}
    # Ray refuses a variable that the job has set, also to the same value.
    variables = {name: value for name, value in variables.items() if name not in job.get("env_vars", {})}
    if sources is None:
        return {"env_vars": variables}  # else installed as a wheel: the nodes must have the same wheel
    archive = folder / "checkout.zip"
    sources.pack(archive)
    return {"working_dir": str(archive), "env_vars": variables}


def check_nodes(shared: Sequence[Path]) -> None:
    """See that every node can run what this driver sends and sees what it shares; warns of what had better agree.

    Raises:
        NodesDifferError: one does not; the message names all that don't.
    """
    for warning in check_versions():
        log.warning("%s", warning)
    if shared and (absent := unseen(shared)):
        told = "\n".join(f"  {node}: {path}" for node, path in absent.items())
        raise NodesDifferError(
            f"these nodes don't see what workers need at the same path as here; nothing was started:\n{told}\n"
            "Put results (--out, or RETABLE_STORAGE of the cluster), data (--data) and the cache (RETABLE_CACHE) on "
            "storage that all nodes share"
        )


def _explained(error: Exception, address: str) -> Exception:
    """What Ray's own refusal to connect means for the user."""
    if "Version mismatch" in str(error):
        return NodesDifferError(
            f"the cluster at {address} was started with another Ray or Python. {error}\nStart both from one environment"
        )
    return ConnectionError(
        f"no Ray cluster answers at {address}: {error}\nStart one with `ray up ray_cluster.yaml` or leave out --address; "
        f"a cluster with token authentication needs its token in {token_file()} on this machine"
    )


def _refuse_remote_address(address: str) -> None:
    """Tell at once what Ray would find out in a minute, or never.

    Raises:
        ValueError: the address is of a kind by which no driver can run here.
        ConnectionError: nobody listens there, or this machine is no node of any cluster.
    """
    if address.startswith("ray://"):
        raise ValueError(
            f"a driver can't train through Ray Client ({address}): its ledger and results would be on this machine, "
            "where no worker sees them. Let the cluster run the study: `retable submit STUDY --cluster FILE`, or "
            "--address http://HEAD:8265"
        )
    if "://" in address or address.endswith((".yaml", ".yml")):
        raise ValueError(
            f"this runs only on a node of the cluster, with --address auto, but got {address}; `retable submit`, "
            "`status`, `table` and `logs` work from other machines"
        )
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return  # auto, local: what Ray finds on this machine
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except OSError as error:
        raise ConnectionError(f"nobody listens at {address}: {error}; is the cluster up?") from error
    if not _a_node_runs_here():
        raise ConnectionError(
            f"this machine is no node of the cluster at {address}, and a driver must run on one, where results are. "
            "From here: `retable submit STUDY --cluster FILE`, or --address http://HEAD:8265"
        )


def _a_node_runs_here() -> bool:
    """Whether a Ray node runs on this machine; yes where that can't be told."""
    if not PROC.is_dir():
        return True
    for name in PROC.glob("[0-9]*/comm"):
        try:
            if name.read_text().strip() == "raylet":
                return True
        except OSError:
            continue  # it ended while we looked
    return False
