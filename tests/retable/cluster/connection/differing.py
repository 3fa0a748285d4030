"""A cluster of two nodes, of which one has other code: `python differing.py FOLDER`. Prints what drivers are told, as JSON.

FOLDER has the file ``token``.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(sys.argv[1]).resolve()
os.environ["RAY_AUTH_MODE"] = "token"  # Ray looks when it is imported
os.environ["RAY_AUTH_TOKEN_PATH"] = str(FOLDER / "token")

import ray.util

from retable.cluster.connection import connect

ROOT = Path(__file__).parents[4]
PACKAGES = ("platform/retable", "trainables", "studies")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def node(*options: str, path: str) -> "subprocess.Popen[bytes]":
    """Start a node that finds our code there; it ends all that it started when it is terminated."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
    command += ["--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"]
    command += [f"--dashboard-agent-listen-port={free_port()}", "--disable-usage-stats", *options]
    with (FOLDER / "nodes.log").open("a") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": path})


def wait_for(nodes: int, address: str) -> None:
    """Wait until the cluster has so many nodes."""
    until = time.monotonic() + 240
    while time.monotonic() < until:
        try:
            with connect.joined(address):
                if sum(node["Alive"] for node in ray.nodes()) == nodes:
                    return
        except ConnectionError:
            pass
        time.sleep(1)
    raise TimeoutError((FOLDER / "nodes.log").read_text())


def told(address: str) -> str:
    """What a driver with results in the folder is told."""
    try:
        with connect.connected(address, FOLDER / "scratch", [FOLDER]) as resources:
            return f"{len(resources)} nodes"
    except ValueError as error:
        return str(error)


def main() -> dict[str, str]:
    """With the checkout, which travels; then as from a wheel, where each node has its own."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, FOLDER / "other" / package)
    with (FOLDER / "other" / "platform" / "retable" / "io" / "files.py").open("a") as file:
        file.write("# changed\n")
    ours, theirs = (f"{root / 'platform'}{os.pathsep}{root}" for root in (ROOT, FOLDER / "other"))
    scratch = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # its sockets must have short names
    port = free_port()
    address = f"{ray.util.get_node_ip_address()}:{port}"
    options = [f"--port={port}", f"--temp-dir={scratch}", f"--ray-client-server-port={free_port()}"]
    options += ["--dashboard-host=127.0.0.1", f"--dashboard-port={free_port()}"]
    started = [node("--head", *options, path=ours)]
    try:
        wait_for(1, address)
        started.insert(0, node(f"--address={address}", path=theirs))
        wait_for(2, address)
        checkout = told(address)
        vars(connect)["checkout"] = lambda: None
        return {"checkout": checkout, "wheel": told(address)}
    finally:
        for process in started:
            process.terminate()
            process.wait(60)
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    print(json.dumps(main()))  # noqa: T201
