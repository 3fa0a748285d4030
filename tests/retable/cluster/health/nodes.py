"""A Ray cluster on this machine until standard input ends: `python nodes.py GPUS…`, a node for each number."""

import socket
import sys

from ray.cluster_utils import Cluster


def main() -> None:
    cluster = Cluster()
    try:
        for number, gpus in enumerate(sys.argv[1:]):
            head = {"include_dashboard": True, "dashboard_port": free_port()} if number == 0 else {}
            cluster.add_node(num_cpus=1, num_gpus=int(gpus), object_store_memory=100 * 2**20, **head)
        sys.stdout.write(f"address {cluster.address}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        cluster.shutdown()


def free_port() -> int:
    """One that nobody has: another cluster of this machine may have the dashboard's usual one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
