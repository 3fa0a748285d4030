"""A study on a cluster of several raylets of which one is lost and another comes: `python losing.py FOLDER`.

A node has one CPU, so that a gang of two is spread. Prints what the ledger says of each trial as JSON.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ray.cluster_utils import Cluster

from retable.cli import main_study
from retable.cluster import connect
from retable.following import Following
from retable.ledger import Ledger

DEADLINE = 240.0


def wait(what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def attempts(results: Path) -> dict[str, list[tuple[str, str | None, int, int]]]:
    """Each trial's attempts: state, cause, workers, iteration."""
    if not (results / "ledger.db").exists():
        return {}
    with Ledger(results / "ledger.db") as ledger:
        return {
            record.name: [(a.state, a.cause, a.workers, a.iteration) for a in record.attempts]
            for record in ledger.trials()
        }


def far(results: Path, name: str, iteration: int) -> bool:
    """Whether that trial's last attempt has come so far."""
    if not (results / "ledger.db").exists():
        return False
    with Ledger(results / "ledger.db") as ledger:
        known = next((record for record in ledger.trials() if record.name == name), None)
    if known is None or known.state != "running":
        return False
    following = Following(results / "trials" / known.signature, known.attempts[-1].number)
    following.refresh()
    return following.iteration >= iteration


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main(folder: Path) -> dict[str, object]:
    walking: ModuleType = __import__("walking")
    rows = tuple(
        replace(row, config=replace(row.config, pause=0.3, snapshot_every=10)) for row in walking.ROWS[:2]
    )
    table = replace(walking.STUDY.tables[0], rows=rows)
    study = replace(walking.STUDY, tables=(table,))
    results = folder / "results"
    connect._checkout_environment = dict  # the nodes see this folder's modules already
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": True, "dashboard_port": free_port()},
    )
    second = cluster.add_node(num_cpus=1)
    told: list[str] = []

    def act() -> None:
        first, last = "s_t=1", "s_t=2"
        wait("the first walk", lambda: far(results, first, 10))
        cluster.remove_node(second, allow_graceful=False)
        told.append("removed")
        wait("its new gang", lambda: len(attempts(results)[first]) > 1)
        cluster.add_node(num_cpus=1)
        told.append("added")
        wait(
            "the end", lambda: attempts(results)[last][-1:] != [] and attempts(results)[last][-1][0] == "done"
        )

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    arguments = ["--data", str(folder / "data"), "--out", str(results), "--workers", "2"]
    try:
        code = main_study(study, [*arguments, "--address", cluster.address])
    finally:
        cluster.shutdown()
    local = main_study(study, [*arguments[:2], "--out", str(folder / "local"), "--local"])
    return {"codes": [code, local], "told": told, "attempts": attempts(results)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))  # noqa: T201
