"""Ray's node provider for Google Cloud, with spot machines first. clusters/gcp.yaml names it.

It needs google-api-python-client.
"""

from ray.autoscaler._private.gcp.node_provider import GCPNodeProvider

from retable.cluster.spot.provider import NodeConfig, SpotFirst


class GcpSpotFirst(SpotFirst, GCPNodeProvider):  # type: ignore[misc]  # Ray has no types
    """Compute Engine instances; those of ``provisioningModel: SPOT`` may come on demand."""

    @staticmethod
    def on_demand(node_config: NodeConfig) -> NodeConfig | None:
        scheduling = node_config.get("scheduling", {})
        if scheduling.get("provisioningModel") != "SPOT":
            return None
        del scheduling["provisioningModel"]
        scheduling.pop("instanceTerminationAction", None)  # for spot machines only
        return node_config
