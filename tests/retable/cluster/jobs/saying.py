"""What tests submit in a study's place: says where it runs, what it was given, and what its workers see.

With ``--wait`` it then waits to be stopped, and says that it saved.
"""

import argparse
import json
import time
from pathlib import Path

import ray

import retable
from retable.cluster.connection.connect import connected
from retable.cluster.connection.preflight import on_every_node
from retable.environment.provenance import provenance


def place() -> list[str]:
    """Where a worker finds our code, and its cache."""
    import os

    import retable

    return [str(next(iter(retable.__path__))), os.environ.get("RETABLE_CACHE", "")]


def main() -> int:
    """Tell all of it as JSON; exit code 3 unless it was stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--wait", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(exist_ok=True)
    with connected(given.address, given.out / "scratch", [given.out]) as nodes:
        told = {
            "nodes": len(nodes),
            "driver": str(next(iter(retable.__path__))),
            "workers": list(on_every_node(place).values()),
            "commit": provenance().code,
            "out": str(given.out),
            "version": ray.__version__,
        }
    print("said", json.dumps(told))  # noqa: T201
    try:
        time.sleep(300 * given.wait)
    except KeyboardInterrupt:
        print("saved")  # noqa: T201
        return 0
    return 3


if __name__ == "__main__":
    raise SystemExit(main())
