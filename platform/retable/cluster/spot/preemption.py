"""Passes a cloud's preemption notice on to Ray: `python -m retable.cluster.spot.preemption aws|gcp`.

Amazon gives a spot instance two minutes of notice, Google half a minute. Ray's autoscaler reads neither. With the notice, Ray
gives the node no more work, and a study's driver lets the worker groups on it save and move.
"""

import argparse
import json
import math
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import ray
from ray.core.generated import autoscaler_pb2

import retable.cluster  # noqa: F401  (its settings, before Ray is connected to)
from retable.cluster.connection.token import ClusterError

AWS, GCP = "http://169.254.169.254", "http://metadata.google.internal"
"""Addresses of the clouds' metadata servers."""

GCP_SECONDS = 30.0
LOOK_SECONDS = 5.0
HTTP_SECONDS = 5.0


def aws(cloud: str = AWS) -> float | None:
    """Seconds until Amazon takes this instance back; None without a preemption notice.

    Raises:
        OSError: no metadata server answers, as on machines outside the cloud.
    """
    token = _get(f"{cloud}/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, method="PUT")
    found = _get(f"{cloud}/latest/meta-data/spot/instance-action", {"X-aws-ec2-metadata-token": token or ""})
    if found is None:
        return None
    at = datetime.fromisoformat(json.loads(found)["time"]).astimezone(UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)


def gcp(cloud: str = GCP) -> float | None:
    """Seconds until Google takes this instance back; None without a preemption notice.

    Raises:
        OSError: no metadata server answers, as on machines outside the cloud.
    """
    found = _get(f"{cloud}/computeMetadata/v1/instance/preempted", {"Metadata-Flavor": "Google"})
    return GCP_SECONDS if found == "TRUE" else None


CLOUDS: Mapping[str, Callable[[], float | None]] = {"aws": aws, "gcp": gcp}


def watch(
    seconds_left: Callable[[], float | None],
    drain: Callable[[float], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Poll until there is a preemption notice, then drain the node. A failed request is repeated."""
    while True:
        try:
            left = seconds_left()
        except OSError:
            left = None
        if left is not None:
            return drain(left)
        sleep(LOOK_SECONDS)


def drain_this_node(seconds: float) -> None:
    """Drain this node, which ends in so many seconds."""
    ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
    try:
        context = ray.get_runtime_context()
        drain(context.gcs_address, context.get_node_id(), seconds)
    finally:
        ray.shutdown()


def drain(address: str, node: str, seconds: float) -> None:
    """Drain a node of the cluster at that address; the node ends in so many seconds.

    Raises:
        ClusterError: the cluster refuses.
    """
    reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    deadline = math.floor((time.time() + seconds) * 1000)
    client = ray._raylet.GcsClient(address=address)
    accepted, why = client.drain_node(node, reason, "its cloud takes it back", deadline)
    if not accepted:
        raise ClusterError(f"the cluster at {address} does not let node {node} go: {why}")


def _get(url: str, headers: Mapping[str, str], method: str = "GET") -> str | None:
    """The response of a URL; None if it does not exist. No proxy is used, since the address is this machine's own."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=dict(headers), method=method)
    try:
        with opener.open(request, timeout=HTTP_SECONDS) as answer:
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Drain this node when its cloud is about to take it back.")
    parser.add_argument("cloud", choices=CLOUDS)
    watch(CLOUDS[parser.parse_args().cloud], drain_this_node)
