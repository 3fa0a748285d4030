"""Spot machines, and machines on demand in the place of those that a cloud refuses.

Ray's autoscaler has priorities among node types, but a type that the cloud refused is asked for again and again (Ray
2.60 counts only machines that were given and never came). So the choice is made where a machine is launched.
"""

import copy
import logging
from abc import abstractmethod
from typing import Any

log = logging.getLogger(__name__)

NodeConfig = dict[str, Any]


class SpotFirst:
    """What a node provider of Ray's is mixed with: ``class X(SpotFirst, ThatProvider)``."""

    @staticmethod
    @abstractmethod
    def on_demand(node_config: NodeConfig) -> NodeConfig | None:
        """The same machine on demand; None where a config asks for no spot machine."""

    def create_node(self, node_config: NodeConfig, tags: dict[str, str], count: int) -> dict[str, Any]:
        """Launch machines, each on spot if there is one and on demand if not.

        Returns:
            What the cloud says of each machine, by its id.

        Raises:
            Exception: what the cloud answers to the request on demand.
        """
        launch = super().create_node  # type: ignore[misc]  # the provider that this is mixed with
        instead = self.on_demand(copy.deepcopy(node_config))
        if instead is None:
            return dict(launch(node_config, tags, count))
        created: dict[str, Any] = {}
        for _ in range(count):
            try:
                created.update(launch(node_config, tags, 1))
            except Exception as refusal:  # noqa: BLE001 - each cloud has its own; a wrong request fails once more below
                log.warning("no spot machine, so one on demand: %s", refusal)
                created.update(launch(instead, tags, 1))
        return created
