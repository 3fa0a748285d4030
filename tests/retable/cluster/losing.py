"""A study on a cluster of raylets of which one is killed, one comes, and one is taken away: `python losing.py FOLDER`.

Nodes have one CPU each, so that a worker group of two is spread over two. Prints what became of each trial as JSON. Called with an
address too, it is the study alone, on that cluster.
"""

import importlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster
from ray.core.generated import autoscaler_pb2

from retable.cli.main import main_study
from retable.cluster.connection import connect
from retable.execution.progress import TrialProgress
from retable.store.ledger import Ledger
from retable.store.records import TrialRecord

DEADLINE = 800.0
PAUSE = 0.3  # seconds of an iteration, of which a walk has 40
FIRST, SECOND = "s_t=1", "s_t=2"


def study() -> Any:
    """Two walks, slow enough to be struck in the middle, with no snapshot before the end."""
    walking = importlib.import_module("walking").STUDY
    rows = tuple(
        replace(row, config=replace(row.config, pause=PAUSE, snapshot_every=40))
        for row in walking.tables[0].rows[:2]
    )
    return replace(walking, tables=(replace(walking.tables[0], rows=rows),))


def run(folder: Path, results: str, *options: str) -> int:
    """The study, as a user runs it."""
    connect.runtime_environment = lambda folder: {}  # the nodes are this machine and have the modules already
    return main_study(study(), ["--data", str(folder / "data"), "--out", str(folder / results), *options])


def records(results: Path) -> Mapping[str, TrialRecord]:
    if not (results / "ledger.db").exists():
        return {}
    with Ledger(results / "ledger.db") as ledger:
        return {record.name: record for record in ledger.trials()}


def wait_for(name: str, iteration: int, results: Path, attempt: int = 1) -> None:
    """Wait until that attempt at the trial has come so far."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        record = records(results).get(name)
        if record is not None and record.state == "running" and record.attempts[-1].number == attempt:
            following = TrialProgress(results / "trials" / record.signature, attempt)
            following.refresh()
            if following.began and following.iteration >= iteration:
                return
        time.sleep(0.1)
    raise TimeoutError(f"{name} is not at {iteration}: {records(results)}")


def drain(address: str, node: str, seconds: float) -> None:
    """Tell the cluster that the node is taken away in so many seconds, as a cloud does."""
    reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    deadline = int((time.time() + seconds) * 1000)
    accepted, why = ray._raylet.GcsClient(address=address).drain_node(node, reason, "spot", deadline)
    assert accepted, why


@contextmanager
def on(cluster: Cluster, folder: Path) -> Any:
    """The study in a process of its own, which ends with the block."""
    command = [sys.executable, __file__, str(folder), cluster.address]
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main(folder: Path) -> dict[str, object]:
    results = folder / "results"
    head = {"num_cpus": 1, "include_dashboard": True, "dashboard_port": free_port()}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        node = cluster.add_node(num_cpus=1)
        with on(cluster, folder) as process:
            wait_for(FIRST, 10, results)
            cluster.remove_node(node, allow_graceful=False)
            wait_for(FIRST, 0, results, attempt=2)
            node = cluster.add_node(num_cpus=1)
            wait_for(SECOND, 10, results)
            drain(cluster.address, node.node_id, 30)
            code = process.wait(DEADLINE)
    finally:
        cluster.shutdown()
    trials = records(results)
    return {
        "code": code,
        "local": run(folder, "local", "--local"),
        "attempts": {
            name: [(a.state, a.cause, a.workers, a.message) for a in record.attempts]
            for name, record in trials.items()
        },
        "resumed": {name: resumed_at(results / "trials" / r.signature) for name, r in trials.items()},
    }


def resumed_at(folder: Path) -> int:
    """The first iteration that the last attempt wrote, also where an earlier one had written it."""
    with max(folder.glob("outbox/*.jsonl")).open() as lines:
        return int(json.loads(next(lines))["iteration"])


if __name__ == "__main__":
    if len(sys.argv) == 3:
        raise SystemExit(run(Path(sys.argv[1]), "results", "--workers", "2", "--address", sys.argv[2]))
    told = main(Path(sys.argv[1]))
    assert not ray.is_initialized()
    print(json.dumps(told))  # noqa: T201
