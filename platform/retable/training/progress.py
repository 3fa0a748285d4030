"""Progress of a training: its history and its times, saved in every checkpoint."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from retable.metrics.protocol import Protocol
from retable.trial.learner import Best

V = TypeVar("V")


@dataclass
class Progress:
    """State of the loop beside the learner's, saved in every checkpoint.

    Attributes:
        history: iteration of each snapshot -> its metrics by protocol name.
        seconds: iteration of each snapshot -> `train_seconds` up to it.
        train_seconds: wall seconds in steps, over all attempts.
        evaluation_seconds: wall seconds in evaluation, over all attempts.
        splits: iteration -> parts that each micro-batch was cut into from there on; empty if they were taken whole.
    """

    history: dict[int, dict[str, float]] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    train_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    splits: dict[int, int] = field(default_factory=dict)

    def best(self, best: Best) -> int | None:
        """Iteration of the best snapshot (the first of equals); None before the first."""
        sign = 1 if best.mode == "max" else -1
        values = {
            iteration: sign * value
            for iteration, metrics in sorted(self.history.items())
            for name, value in metrics.items()
            if Protocol.parse(name).family == best.metric
        }
        return max(values, key=lambda iteration: values[iteration]) if values else None

    def state(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return {
            **asdict(self),
            "history": _by_name(self.history),
            "seconds": _by_name(self.seconds),
            "splits": _by_name(self.splits),
        }

    @staticmethod
    def of(state: Mapping[str, Any]) -> "Progress":
        """The progress that `state` gave; older checkpoints lack some of it."""
        return Progress(
            history={int(iteration): dict(metrics) for iteration, metrics in state["history"].items()},
            seconds={int(iteration): seconds for iteration, seconds in state.get("seconds", {}).items()},
            train_seconds=state["train_seconds"],
            evaluation_seconds=state["evaluation_seconds"],
            splits={int(iteration): split for iteration, split in state.get("splits", {}).items()},
        )

    def cut(self, iteration: int, split: int) -> None:
        """Record that micro-batches are cut into so many parts from that iteration on."""
        if split != next(reversed(self.splits.values()), 1):
            self.splits[iteration] = split

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the body's wall time to the attribute of that name."""
        start = time.monotonic()
        yield
        setattr(self, name, getattr(self, name) + time.monotonic() - start)


def _by_name(iterations: Mapping[int, V]) -> dict[str, V]:
    """The same with iterations as JSON has them."""
    return {str(iteration): value for iteration, value in iterations.items()}
