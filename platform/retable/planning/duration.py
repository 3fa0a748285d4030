"""Workers and hours for each trial, from its cost and from how fast it and its like were."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from retable.costs.throughput import TrialThroughput, most_common_device
from retable.planning.forecast import TrialForecast
from retable.planning.placement import Node, WorkerGroup, place
from retable.planning.plan import PlannedTrial
from retable.planning.timeline import Work, hours_on
from retable.store.records import FINISHED
from retable.trial.step_cost import StepCost, divisors, gpus_for

CARDS = 12.0, 24.0, 80.0
"""GB of the cards that GPUs are counted for where none is stated."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What it would run on.

    Attributes:
        cards: GB of the GPUs; a trial that fits on none of them can't run. None if nobody said.
        workers: most workers of one trial; None for as many as the first card that holds it asks for.
        price: of an hour of one worker.
        nodes: to place trials on; none if nobody said.
    """

    cards: tuple[float, ...] | None = None
    workers: int | None = None
    price: float | None = None
    nodes: tuple[Node, ...] = ()

    def workers_for(self, cost: StepCost | None, micro_batch: int) -> int:
        """How many workers a trial gets. They share a micro-batch equally."""
        if self.workers is not None:
            return max(size for size in divisors(micro_batch) if size <= self.workers)
        needed = [gpus_for(cost, micro_batch, card) for card in self.cards or () if cost is not None]
        return next((gpus for gpus in needed if gpus is not None), 1)

    def worker_group(self, cost: StepCost | None, workers: int, micro_batch: int) -> WorkerGroup:
        """A trial's worker group on the stated nodes."""
        gpus = float(any(node.resources.get("GPU") for node in self.nodes))
        memory = 0.0 if cost is None else cost.memory_mb(micro_batch // workers, workers)
        return WorkerGroup(workers=workers, gpus=gpus, memory_mb=memory * gpus)

    def placement(self, cost: StepCost | None, workers: int, micro_batch: int) -> str:
        """Where a trial's worker group would be, in words; empty where no nodes are stated."""
        if not self.nodes:
            return ""
        worker_group = self.worker_group(cost, workers, micro_batch)
        placed = place(worker_group, self.nodes, self.nodes)
        return f"without room: they don't have {worker_group.needs}" if placed is None else placed.reason

    def hours_of(self, trials: Sequence[TrialForecast]) -> float | None:
        """Hours until all that is known of is done on the stated nodes; None if none are stated, or nothing is known."""
        known = [one for one in trials if one.hours is not None and one.state not in FINISHED]
        if not self.nodes or not known:
            return None
        works = [
            Work(
                one.planned.signature,
                self.worker_group(one.cost, one.workers, one.micro_batch),
                one.hours or 0.0,
                one.planned.requires,
            )
            for one in known
        ]
        return hours_on(works, self.nodes)


@dataclass(frozen=True)
class Known:
    """A trial, and what is known of it before it is priced."""

    planned: PlannedTrial
    tables: tuple[str, ...]
    state: str
    cost: StepCost | None
    speed: TrialThroughput

    @property
    def gflops(self) -> float | None:
        """Of an update."""
        config = self.planned.trial.config
        return None if self.cost is None else self.cost.gflops(config.batch_size, config.accumulate)

    @property
    def left(self) -> int:
        """Iterations still to be trained: a trial that is not running goes on from its last snapshot."""
        config = self.planned.trial.config
        if self.state in FINISHED:
            return 0
        done = self.speed.iteration
        if self.state != "running":
            done -= done % config.snapshot_every
        return max(config.iterations - done, 0)


def trial_forecasts(trials: Sequence[Known], machine: Machine) -> tuple[TrialForecast, ...]:
    """Every trial with its workers and hours.

    A trial's own speed counts where it has one, then that of the same config with other seeds. Else it is taken to be as
    fast as the others of its family that were measured, in operations a second of one worker. More workers are taken
    to be as much faster.
    """
    device = most_common_device([one.speed for one in trials])
    measured = [one for one in trials if one.speed.seconds is not None and one.speed.device in ("", device)]
    return tuple(_trial_forecast(one, measured, device, machine) for one in trials)


def _trial_forecast(one: Known, measured: Sequence[Known], device: str, machine: Machine) -> TrialForecast:
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


def _worker_seconds(one: Known, family: Sequence[Known], device: str) -> tuple[float | None, str]:
    """Seconds of an update times workers, and where they are from."""
    on = f" on {device}" if device else ""
    if one.speed.seconds is not None:
        return one.speed.seconds * (one.speed.workers or 1), "measured on this trial"
    config = one.planned.trial.config
    same = [other.speed for other in family if other.planned.trial.config == config]
    if same:
        seconds = median((speed.seconds or 0.0) * (speed.workers or 1) for speed in same)
        return seconds, f"measured on other seeds{on}"
    like = [other for other in family if other.gflops]
    if not like or one.gflops is None:
        return None, ""
    rates = [
        (other.gflops or 0.0) / ((other.speed.seconds or 0.0) * (other.speed.workers or 1)) for other in like
    ]
    trials = f"{len(like)} other trial{'s' * (len(like) > 1)}"
    return one.gflops / median(rates), f"by operations from {trials}{on}"


def _evaluation(one: Known, family: Sequence[Known]) -> float:
    """Seconds of a snapshot's evaluation times workers; 0 where none was measured."""
    known = [
        other.speed.evaluation_seconds * (other.speed.workers or 1)
        for other in ([one] if one.speed.evaluation_seconds is not None else family)
        if other.speed.evaluation_seconds is not None
    ]
    return median(known) if known else 0.0
