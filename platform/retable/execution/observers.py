"""Protocols of an execution's partners: observers of its attempts, and proposers of more trials."""

from collections.abc import Sequence
from typing import Protocol

from retable.planning.plan import PlannedTrial
from retable.store.assignment import Assignment


class Observer(Protocol):
    """A listener to the beginnings and ends of attempts: the live view, the tracking observer."""

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None: ...

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None: ...


class Proposer(Protocol):
    """A search: it adds trials to an execution while it runs, and may end some early."""

    @property
    def open(self) -> bool:
        """True if there may be more trials, now or later."""
        ...

    def propose(self) -> Sequence[PlannedTrial]:
        """More trials, each after those that it requires; none if there are none now."""
        ...

    def look(self, signature: str) -> None:
        """React to a trial that has written something, or has ended."""
        ...
