"""Spot machines, replaced by on-demand machines if the cloud has none.

Ray's autoscaler has priorities among node types, but it requests a type again and again that the cloud refuses (Ray 2.60
counts only machines that were granted and never started). So the choice is made when a machine is launched.
"""

import copy
import logging
from abc import abstractmethod
from typing import Any

log = logging.getLogger(__name__)

NodeConfig = dict[str, Any]


class SpotFirst:
    """A mixin for node providers of Ray: ``class X(SpotFirst, Provider)``."""

    @staticmethod
    @abstractmethod
    def on_demand(node_config: NodeConfig) -> NodeConfig | None:
        """The config of the same machine on demand; None if this config is not for a spot machine."""

    def create_node(self, node_config: NodeConfig, tags: dict[str, str], count: int) -> dict[str, Any]:
        """Launch machines: each a spot machine if there is one, else an on-demand machine.

        Returns:
            The cloud's description of each machine, by its id.

        Raises:
            Exception: the cloud refuses the on-demand machine too.
        """
        launch = super().create_node  # type: ignore[misc]  # the provider that this is mixed with
        instead = self.on_demand(copy.deepcopy(node_config))
        if instead is None:
            return dict(launch(node_config, tags, count))
        created: dict[str, Any] = {}
        for _ in range(count):
            try:
                created.update(launch(node_config, tags, 1))
            except Exception as refusal:  # noqa: BLE001 - each cloud has its own errors; a wrong request fails again below
                log.warning("no spot machine, launching an on-demand machine: %s", refusal)
                created.update(launch(instead, tags, 1))
        return created
