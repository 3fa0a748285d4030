"""What the autoscaler is asked for: room for the worker groups that wait, no more, and nothing when the run is over.

Ray's autoscaler keeps one request of the whole cluster, the last one. Ray Train sends one for its running worker groups every
20 s, through an actor that adds up what several ask for. So we ask through it too: a request of our own to
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
"""How long a request holds that is not repeated: a driver that is killed can't withdraw its own."""

REPEAT_SECONDS = 60.0
MOST_BUNDLES = 1000


class Coordinator(Protocol):
    """Who adds up what is asked for."""

    def request_resources(self, resources: list[dict[str, float]], expire_after_s: float) -> Any: ...

    def cancel_request(self) -> None: ...


def bundles(worker_groups: Sequence[WorkerGroup]) -> list[dict[str, float]]:
    """What to ask for: a bundle for each worker, at most `MOST_BUNDLES`, of whole worker groups."""
    asked: list[dict[str, float]] = []
    for worker_group in worker_groups:
        if len(asked) + worker_group.workers > MOST_BUNDLES:
            break
        asked += [worker_group.worker] * worker_group.workers
    return asked


class Demand:
    """A study's standing request to the autoscaler.

    Args:
        name: of the study.
        coordinator: made when something is asked for first.
    """

    def __init__(
        self,
        name: str,
        coordinator: Callable[[str], Coordinator] = DefaultAutoscalingCoordinator,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._make, self._clock = f"retable-{name}", coordinator, clock
        self._coordinator: Coordinator | None = None
        self._asked: Sequence[Mapping[str, float]] = ()
        self._until = 0.0

    def ask(self, worker_groups: Sequence[WorkerGroup]) -> None:
        """Ask for room for these worker groups, in the place of what was asked for before."""
        wanted = bundles(worker_groups)
        if wanted == list(self._asked) and (not wanted or self._clock() < self._until):
            return
        self._asked, self._until = wanted, self._clock() + REPEAT_SECONDS
        if self._coordinator is None:
            self._coordinator = self._make(self._name)
        if wanted:
            self._coordinator.request_resources(wanted, EXPIRE_SECONDS)
        else:
            self._coordinator.cancel_request()

    def withdraw(self) -> None:
        """Ask for nothing any more."""
        if self._coordinator is not None and self._asked:
            self.ask(())
