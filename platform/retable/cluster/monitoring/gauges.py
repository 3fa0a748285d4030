"""Gauges of a running study for Prometheus, served through Ray: throughput and scores of its trials, and trials by state.

Ray serves a gauge for about 20 s after it was last set. So each is set again every few seconds while its process lives, and
the gauges of ended processes disappear: there are only time series of running ones.
"""

import math
import threading
from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ray.util.metrics import Counter, Gauge

from retable.cluster.monitoring.series import (
    ATTEMPTS,
    EVALUATION,
    ITERATION,
    MEMORY,
    SAMPLES,
    SCORE,
    STEP,
    TRIALS,
    WAIT,
    WORKERS,
    Series,
    metric_name,
)
from retable.execution.execution import Execution
from retable.io.periodic import periodic
from retable.metrics.protocol import Protocol
from retable.planning.plan import PlannedTrial
from retable.store.assignment import Assignment
from retable.training.run import AssignedRun
from retable.trial.learner import Score
from retable.trial.run import WorkerThroughput

REFRESH_SECONDS = 5.0
STATES = ("waiting", "running", "done", "collapsed", "failed", "stopped", "pruned", "held", "blocked")


class Gauges:
    """Gauges of this process with common labels."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = dict(labels)
        self._gauges: dict[str, Gauge] = {}
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._lock = threading.Lock()

    def set(self, series: Series, value: float, more: Mapping[str, str] | None = None) -> None:
        """Set a gauge, and keep setting it; a value that is not finite removes it.

        Args:
            more: labels beside the common ones.
        """
        known = {**self._labels, **(more or {})}
        key = series.name, tuple((name, metric_name(known[name])) for name in series.labels)
        with self._lock:
            if series.name not in self._gauges:
                self._gauges[series.name] = Gauge(series.name, series.about, series.labels)
            if math.isfinite(value):
                self._values[key] = value
                self._gauges[series.name].set(value, dict(key[1]))
            else:
                self._values.pop(key, None)

    def refresh(self) -> None:
        """Set all gauges again."""
        with self._lock:
            for (name, labels), value in self._values.items():
                self._gauges[name].set(value, dict(labels))

    @contextmanager
    def served(
        self, update_values: Callable[[], None] = lambda: None, seconds: float = REFRESH_SECONDS
    ) -> Iterator[None]:
        """Serve the gauges during the block, from a thread.

        Args:
            update_values: sets the gauges whose values must be read each time.
        """

        def update() -> None:
            update_values()
            self.refresh()

        update_values()
        with periodic(update, seconds, "gauges"):
            yield


@dataclass
class WatchedRun(AssignedRun):
    """A `Run` with gauges for throughput and scores."""

    gauges: Gauges

    def report_throughput(self, iteration: int, throughput: WorkerThroughput) -> None:
        rank = {"rank": str(self.rank)}
        self.gauges.set(STEP, throughput.step_seconds, rank)
        self.gauges.set(WAIT, throughput.data_seconds, rank)
        if throughput.memory_mb is not None:
            self.gauges.set(MEMORY, throughput.memory_mb * 2**20, rank)
        if self.rank == 0:
            self.gauges.set(SAMPLES, throughput.samples_per_second)
            self.gauges.set(ITERATION, iteration)
            self.gauges.set(WORKERS, self.world_size)

    def scored(self, iteration: int, scores: Mapping[str, Score], seconds: float) -> None:
        if self.rank == 0:
            self.gauges.set(EVALUATION, seconds)
            for name, score in scores.items():
                self.gauges.set(SCORE, score.value, {"metric": Protocol.parse(name).family, "protocol": name})


@contextmanager
def trial_gauges(assignment: Assignment) -> Iterator[Gauges]:
    """The gauges of a worker's `WatchedRun` with that assignment, for the length of the block."""
    gauges = Gauges(
        {"trial": assignment.trial.signature, "study": "", "scale": "", "cell": "", **assignment.labels}
    )
    with gauges.served():
        yield gauges


class _AttemptCounter:
    """Counts attempts that ended; trials that never began do not count."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = {name: metric_name(value) for name, value in labels.items()}
        self._counter = Counter(ATTEMPTS.name, ATTEMPTS.about, ATTEMPTS.labels)
        self._running: set[str] = set()

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
        self._running.add(planned.signature)

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None:
        if planned.signature in self._running:
            self._running.remove(planned.signature)
            self._counter.inc(1, {**self._labels, "state": state})


@contextmanager
def exported(execution: Execution) -> Iterator[None]:
    """Serve the number of an execution's trials by state, for the length of the block."""
    labels = {"study": execution.plan.study.name, "scale": execution.plan.scale.name}
    gauges, before = Gauges(labels), execution.observers

    def update_values() -> None:
        counts = Count(list(execution.states.values()))
        for state in dict.fromkeys((*STATES, *counts)):
            gauges.set(TRIALS, counts[state], {"state": state})

    execution.observers = (*before, _AttemptCounter(labels))
    try:
        with gauges.served(update_values):
            yield
    finally:
        execution.observers = before
