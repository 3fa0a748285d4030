"""Resource requests to Ray's autoscaler: room for the waiting worker groups, and none when the run is over.

Ray's autoscaler keeps one request for the whole cluster, the last one. Ray Train sends one for its running worker groups every
20 s, through an actor that adds up the requests of several sources. We use the same actor: a request of our own to
`ray.autoscaler.sdk.request_resources` would be overwritten by Train's, and Train's by ours.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ray.data._internal.cluster_autoscaler.default_autoscaling_coordinator import (
    DefaultAutoscalingCoordinator,
)

from retable.planning.placement import WorkerGroup

EXPIRE_SECONDS = 180.0
"""Seconds after which a request expires unless it is repeated: a killed driver can't withdraw its own."""

REPEAT_SECONDS = 60.0
"""Seconds after which an unchanged request is repeated."""

MOST_BUNDLES = 1000


class Coordinator(Protocol):
    """The actor that adds up the requests of several sources."""

    def request_resources(self, resources: list[dict[str, float]], expire_after_s: float) -> Any: ...

    def cancel_request(self) -> None: ...


def bundles(worker_groups: Sequence[WorkerGroup]) -> list[dict[str, float]]:
    """A resource bundle for each worker of the worker groups, at most `MOST_BUNDLES`, never a part of a group."""
    requested: list[dict[str, float]] = []
    for worker_group in worker_groups:
        if len(requested) + worker_group.workers > MOST_BUNDLES:
            break
        requested += [worker_group.worker] * worker_group.workers
    return requested


class Demand:
    """A study's standing resource request to the autoscaler.

    Args:
        name: name of the study.
        coordinator: factory of the coordinator, called at the first request.
    """

    def __init__(
        self,
        name: str,
        coordinator: Callable[[str], Coordinator] = DefaultAutoscalingCoordinator,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._make, self._clock = f"retable-{name}", coordinator, clock
        self._coordinator: Coordinator | None = None
        self._requested: Sequence[Mapping[str, float]] = ()
        self._until = 0.0

    def request(self, worker_groups: Sequence[WorkerGroup]) -> None:
        """Request room for these worker groups; this replaces the earlier request."""
        wanted = bundles(worker_groups)
        if wanted == list(self._requested) and (not wanted or self._clock() < self._until):
            return
        self._requested, self._until = wanted, self._clock() + REPEAT_SECONDS
        if self._coordinator is None:
            self._coordinator = self._make(self._name)
        if wanted:
            self._coordinator.request_resources(wanted, EXPIRE_SECONDS)
        else:
            self._coordinator.cancel_request()

    def withdraw(self) -> None:
        """Withdraw the request."""
        if self._coordinator is not None and self._requested:
            self.request(())
