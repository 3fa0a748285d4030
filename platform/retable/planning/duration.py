"""Workers and hours of each trial, from its cost and the measured throughput of it and of similar trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from retable.costs.throughput import TrialThroughput, most_common_device
from retable.planning.forecast import TrialForecast
from retable.planning.placement import Node, WorkerGroup, place
from retable.planning.plan import PlannedTrial
from retable.planning.timeline import RemainingTrial, hours_on
from retable.store.records import FINISHED
from retable.trial.step_cost import StepCost, divisors, gpus_for

CARDS = 12.0, 24.0, 80.0
"""GB of the cards that GPUs are counted for by default."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Machine of a forecast, as stated by the user.

    Attributes:
        cards: memory of the GPUs in GB; a trial that fits on none of them can't run. None if not stated.
        workers: maximum number of workers of one trial; None for the fewest that fit on the first possible card.
        price: price of an hour of one worker.
        nodes: nodes that trials are placed on; empty if not stated.
    """

    cards: tuple[float, ...] | None = None
    workers: int | None = None
    price: float | None = None
    nodes: tuple[Node, ...] = ()

    def workers_for(self, cost: StepCost | None, micro_batch: int) -> int:
        """Number of workers of a trial; a divisor of the micro-batch, which they share equally."""
        if self.workers is not None:
            return max(size for size in divisors(micro_batch) if size <= self.workers)
        needed = [gpus_for(cost, micro_batch, card) for card in self.cards or () if cost is not None]
        return next((gpus for gpus in needed if gpus is not None), 1)

    def worker_group(self, cost: StepCost | None, workers: int, micro_batch: int) -> WorkerGroup:
        """Worker group of a trial on the stated nodes."""
        gpus = float(any(node.resources.get("GPU") for node in self.nodes))
        memory = 0.0 if cost is None else cost.memory_mb(micro_batch // workers, workers)
        return WorkerGroup(workers=workers, gpus=gpus, memory_mb=memory * gpus)

    def placement(self, cost: StepCost | None, workers: int, micro_batch: int) -> str:
        """Text on the placement of a trial's worker group; empty if no nodes are stated."""
        if not self.nodes:
            return ""
        worker_group = self.worker_group(cost, workers, micro_batch)
        placed = place(worker_group, self.nodes, self.nodes)
        return f"without room: they don't have {worker_group.needs}" if placed is None else placed.reason

    def hours_of(self, trials: Sequence[TrialForecast]) -> float | None:
        """Hours until the trials with known hours are done on the stated nodes; None without such trials or nodes."""
        known = [one for one in trials if one.hours is not None and one.state not in FINISHED]
        if not self.nodes or not known:
            return None
        remaining = [
            RemainingTrial(
                one.planned.signature,
                self.worker_group(one.cost, one.workers, one.micro_batch),
                one.hours or 0.0,
                one.planned.requires,
            )
            for one in known
        ]
        return hours_on(remaining, self.nodes)


@dataclass(frozen=True)
class MeasuredTrial:
    """Planned trial with its state, the cost of its step and its measured throughput."""

    planned: PlannedTrial
    tables: tuple[str, ...]
    state: str
    cost: StepCost | None
    throughput: TrialThroughput

    @property
    def gflops(self) -> float | None:
        """Multiply-accumulates of an update, in 10⁹."""
        config = self.planned.trial.config
        return None if self.cost is None else self.cost.gflops(config.batch_size, config.accumulate)

    @property
    def left(self) -> int:
        """Iterations still to be trained. A trial that is not running resumes from its last snapshot."""
        config = self.planned.trial.config
        if self.state in FINISHED:
            return 0
        done = self.throughput.iteration
        if self.state != "running":
            done -= done % config.snapshot_every
        return max(config.iterations - done, 0)


def trial_forecasts(trials: Sequence[MeasuredTrial], machine: Machine) -> tuple[TrialForecast, ...]:
    """Forecasts of all trials, with their workers and hours.

    The throughput of a trial is its own measurement, or else that of the same config with other seeds. Without either,
    the median of its family is assumed, in operations per second and worker. Throughput is assumed to be proportional to
    the number of workers.
    """
    device = most_common_device([one.throughput for one in trials])
    measured = [
        one for one in trials if one.throughput.seconds is not None and one.throughput.device in ("", device)
    ]
    return tuple(_trial_forecast(one, measured, device, machine) for one in trials)


def _trial_forecast(
    one: MeasuredTrial, measured: Sequence[MeasuredTrial], device: str, machine: Machine
) -> TrialForecast:
    config = one.planned.trial.config
    micro = config.batch_size // config.accumulate
    workers = machine.workers_for(one.cost, micro)
    family = [other for other in measured if other.planned.trial.config.trainable == config.trainable]
    worker_seconds, basis = _worker_seconds(one, family, device)
    seconds = None if worker_seconds is None else worker_seconds / workers
    hours = None
    if seconds is not None:
        snapshots = ceil(one.left / config.snapshot_every)
        hours = (one.left * seconds + snapshots * _evaluation(one, family) / workers) / 3600
    return TrialForecast(
        planned=one.planned,
        tables=one.tables,
        state=one.state,
        left=one.left,
        cost=one.cost,
        workers=workers,
        placement=machine.placement(one.cost, workers, micro),
        gpus=None if one.cost is None else {c: gpus_for(one.cost, micro, c) for c in machine.cards or CARDS},
        seconds=seconds,
        hours=hours,
        basis=basis,
    )


def _worker_seconds(
    one: MeasuredTrial, family: Sequence[MeasuredTrial], device: str
) -> tuple[float | None, str]:
    """Worker-seconds of an update, and the text of their source."""
    on = f" on {device}" if device else ""
    if one.throughput.seconds is not None:
        return one.throughput.seconds * (one.throughput.workers or 1), "measured on this trial"
    config = one.planned.trial.config
    same = [other.throughput for other in family if other.planned.trial.config == config]
    if same:
        seconds = median((other.seconds or 0.0) * (other.workers or 1) for other in same)
        return seconds, f"measured on other seeds{on}"
    like = [other for other in family if other.gflops]
    if not like or one.gflops is None:
        return None, ""
    rates = [
        (other.gflops or 0.0) / ((other.throughput.seconds or 0.0) * (other.throughput.workers or 1))
        for other in like
    ]
    trials = f"{len(like)} other trial{'s' * (len(like) > 1)}"
    return one.gflops / median(rates), f"by operations from {trials}{on}"


def _evaluation(one: MeasuredTrial, family: Sequence[MeasuredTrial]) -> float:
    """Worker-seconds of a snapshot's evaluation; 0 if none was measured."""
    known = [
        other.throughput.evaluation_seconds * (other.throughput.workers or 1)
        for other in ([one] if one.throughput.evaluation_seconds is not None else family)
        if other.throughput.evaluation_seconds is not None
    ]
    return median(known) if known else 0.0
