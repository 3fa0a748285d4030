"""What plans amount to: each trial once, with its state, its cost and its time; what can't run, and why; the sum."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retable.planning.plan import PlannedTrial
from retable.store.records import FINISHED
from retable.study.table import Cell
from retable.trial.identity import identified
from retable.trial.step_cost import StepCost


@dataclass(frozen=True)
class TrialForecast:
    """One trial of one or more plans, and what it will take.

    Attributes:
        tables: that it fills; none for a trial that only others require.
        state: what the ledger says: ``missing``, ``running``, ``done``, ``collapsed``, ``failed``, ``stopped``.
        left: iterations still to be trained.
        cost: of a step; None where it is not known.
        workers: that it is planned for.
        placement: where so many workers would be on the stated nodes, in words; empty if none are stated.
        gpus: GB of a card -> the fewest of them that hold it; None if even one sample on each is too much.
        seconds: wall time of an update by so many workers; None where nothing like it was measured.
        hours: wall time that is left, with evaluation; None likewise.
        basis: what seconds and hours are taken from.
    """

    planned: PlannedTrial
    tables: tuple[str, ...]
    state: str
    left: int
    cost: StepCost | None = None
    workers: int = 1
    placement: str = ""
    gpus: Mapping[float, int | None] | None = None
    seconds: float | None = None
    hours: float | None = None
    basis: str = ""

    @property
    def micro_batch(self) -> int:
        """Samples that go through the networks together, over all workers."""
        config = self.planned.trial.config
        return config.batch_size // config.accumulate

    @property
    def gflops(self) -> float | None:
        """Multiply-accumulates of an update, in 10⁹."""
        config = self.planned.trial.config
        return None if self.cost is None else self.cost.gflops(config.batch_size, config.accumulate)

    @property
    def memory_mb(self) -> float | None:
        """Peak of each worker, in MiB."""
        if self.cost is None:
            return None
        return self.cost.memory_mb(self.micro_batch // self.workers, self.workers)

    @property
    def worker_hours(self) -> float | None:
        """Hours left, counted for each worker: GPU-hours, on GPUs."""
        return None if self.hours is None else self.hours * self.workers

    def to_json(self) -> dict[str, Any]:
        """What `plan --json` says of a trial."""
        trial = self.planned.trial
        return {
            "signature": trial.signature,
            "trainable": trial.config.trainable,
            "name": self.planned.name,
            "config": identified(trial.config.canonical()),
            "seed": trial.seed,
            "state": self.state,
            "iterations_left": self.left,
            "cost": {
                "parameters": None if self.cost is None else self.cost.parameters,
                "gflops_per_step": self.gflops,
                "memory_mb": self.memory_mb,
                "workers": self.workers,
                "placement": self.placement or None,
                "gpus": None if self.gpus is None else {f"{card:g}": n for card, n in self.gpus.items()},
                "seconds_per_step": self.seconds,
                "hours": self.hours,
                "worker_hours": self.worker_hours,
                "basis": self.basis or None,
            },
            "tables": list(self.tables),
            "requires": list(self.planned.requires),
        }


@dataclass(frozen=True)
class Invalid:
    """A cell that can't run, and why."""

    study: str
    cell: Cell[Any]
    reason: str

    def to_json(self) -> dict[str, str]:
        """What `plan --json` says of it."""
        cell = self.cell
        place = {"table": cell.table, "row": cell.row, "column": cell.column, "metric": cell.metric}
        return {"study": self.study, **place, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What one or more plans at one scale amount to.

    Attributes:
        data: the data set's fingerprint, or ``absent``: signatures are then provisional.
        tables: number of tables.
        cells: number of cells that take a trial, those that can't run among them.
        trials: each before those that require it.
        refusal: why nothing can run; empty if something can.
        price: of an hour of one worker, in whatever currency.
        hours_on_nodes: wall time of those whose hours are known, on the stated nodes; None if none are stated.
        notes: what else the user should know.
    """

    scale: str
    data: str
    tables: int
    cells: int
    trials: tuple[TrialForecast, ...]
    invalid: tuple[Invalid, ...]
    refusal: str = ""
    price: float | None = None
    hours_on_nodes: float | None = None
    notes: tuple[str, ...] = ()

    def count(self, *states: str) -> int:
        """How many trials are in one of these states."""
        return sum(prospect.state in states for prospect in self.trials)

    @property
    def unfinished(self) -> tuple[TrialForecast, ...]:
        """The trials that are still to be trained to their end."""
        return tuple(prospect for prospect in self.trials if prospect.state not in FINISHED)

    @property
    def unknown(self) -> int:
        """How many of those nobody can tell the hours of."""
        return sum(prospect.hours is None for prospect in self.unfinished)

    @property
    def worker_hours(self) -> float:
        """Of those whose hours are known."""
        return sum(prospect.worker_hours or 0.0 for prospect in self.unfinished)

    def to_json(self) -> dict[str, Any]:
        """What `plan --json` prints."""
        finished, running, failed = self.count(*FINISHED), self.count("running"), self.count("failed")
        known = self.unknown < len(self.unfinished) or not self.unfinished
        return {
            "scale": self.scale,
            "data": self.data,
            "trials": [prospect.to_json() for prospect in self.trials],
            "invalid": [invalid.to_json() for invalid in self.invalid],
            "total": {
                "tables": self.tables,
                "cells": self.cells,
                "invalid_cells": len(self.invalid),
                "trials": len(self.trials),
                "done": finished,
                "running": running,
                "failed": failed,
                "missing": len(self.trials) - finished - running - failed,
                "gflops": sum((p.gflops or 0.0) * p.left for p in self.unfinished),
                "worker_hours": self.worker_hours if known else None,
                "trials_without_hours": self.unknown,
                "hours_on_nodes": self.hours_on_nodes,
                "price": None if self.price is None or not known else self.price * self.worker_hours,
            },
            "notes": list(self.notes),
        }
