"""Ray's node provider for AWS, with spot machines first. clusters/aws.yaml names it. It needs boto3."""

from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

from retable.cluster.spot.provider import NodeConfig, SpotFirst


class AwsSpotFirst(SpotFirst, AWSNodeProvider):  # type: ignore[misc]  # Ray has no types
    """EC2 instances; those with ``InstanceMarketOptions`` may come on demand."""

    @staticmethod
    def on_demand(node_config: NodeConfig) -> NodeConfig | None:
        return node_config if node_config.pop("InstanceMarketOptions", None) else None
