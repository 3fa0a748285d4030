import importlib.util
from typing import Any

import pytest

from retable.cluster.spot.provider import NodeConfig, SpotFirst


class Cloud:
    """A provider that has so many spot machines and so many on demand."""

    def __init__(self, spot: int, on_demand: int) -> None:
        self.left = {"spot": spot, "on demand": on_demand}
        self.asked: list[tuple[str, int]] = []

    def create_node(self, node_config: NodeConfig, tags: dict[str, str], count: int) -> dict[str, Any]:
        kind = "spot" if node_config.get("market") else "on demand"
        self.asked.append((kind, count))
        if self.left[kind] < count:
            raise RuntimeError(f"no {kind} capacity")
        self.left[kind] -= count
        return {f"{kind} {self.left[kind]} {place}": node_config for place in range(count)}


class CloudSpotFirst(SpotFirst, Cloud):
    @staticmethod
    def on_demand(node_config: NodeConfig) -> NodeConfig | None:
        return node_config if node_config.pop("market", None) else None


def test_each_machine_is_spot_or_else_on_demand() -> None:
    cloud = CloudSpotFirst(spot=1, on_demand=5)
    config: NodeConfig = {"market": "spot", "size": 3}
    created = cloud.create_node(config, {}, 3)
    assert [kind.split()[0] for kind in created] == ["spot", "on", "on"]
    assert config == {"market": "spot", "size": 3}  # Ray compares it later
    assert list(created.values())[1:] == [{"size": 3}] * 2


def test_what_is_wanted_on_demand_is_asked_for_at_once() -> None:
    cloud = CloudSpotFirst(spot=9, on_demand=5)
    assert len(cloud.create_node({"size": 3}, {}, 4)) == 4
    assert cloud.asked == [("on demand", 4)]


def test_no_machine_at_all_is_the_clouds_error() -> None:
    cloud = CloudSpotFirst(spot=0, on_demand=0)
    with pytest.raises(RuntimeError, match="no on demand capacity"):
        cloud.create_node({"market": "spot"}, {}, 1)


@pytest.mark.skipif(
    importlib.util.find_spec("googleapiclient") is None, reason="google-api-python-client is not installed"
)
def test_a_machine_of_google_on_demand_has_no_word_of_spot() -> None:
    from retable.cluster.spot.gcp import GcpSpotFirst

    spot = {"provisioningModel": "SPOT", "instanceTerminationAction": "DELETE", "automaticRestart": False}
    assert GcpSpotFirst.on_demand({"scheduling": spot, "machineType": "g2"}) == {
        "scheduling": {"automaticRestart": False},
        "machineType": "g2",
    }
    assert GcpSpotFirst.on_demand({"machineType": "g2"}) is None
