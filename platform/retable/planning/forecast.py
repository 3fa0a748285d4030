"""Forecast of one or more plans: state, cost and hours of each trial, invalid cells with the reason, totals."""

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
    """Forecast of one trial of one or more plans.

    Attributes:
        tables: tables that it fills; empty for a trial that only others require.
        state: state in the ledger: ``missing``, ``running``, ``done``, ``collapsed``, ``failed``, ``stopped``.
        left: iterations still to be trained.
        cost: cost of a step; None if it is not known.
        workers: planned number of workers.
        placement: text on the placement of these workers on the stated nodes; empty if none are stated.
        gpus: GB of a card -> smallest sufficient number of such cards; None if a single sample on each does not fit.
        seconds: wall time of an update with these workers; None if no similar trial was measured.
        hours: remaining wall time, with evaluation; None likewise.
        basis: text on the source of seconds and hours.
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
        """Samples in a forward pass, over all workers."""
        config = self.planned.trial.config
        return config.batch_size // config.accumulate

    @property
    def gflops(self) -> float | None:
        """Multiply-accumulates of an update, in 10⁹."""
        config = self.planned.trial.config
        return None if self.cost is None else self.cost.gflops(config.batch_size, config.accumulate)

    @property
    def memory_mb(self) -> float | None:
        """Predicted peak memory of each worker, in MiB."""
        if self.cost is None:
            return None
        return self.cost.memory_mb(self.micro_batch // self.workers, self.workers)

    @property
    def worker_hours(self) -> float | None:
        """Remaining hours times workers; GPU-hours if the workers are GPUs."""
        return None if self.hours is None else self.hours * self.workers

    def to_json(self) -> dict[str, Any]:
        """The trial's entry in `plan --json`."""
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
    """Cell that can't run, with the reason."""

    study: str
    cell: Cell[Any]
    reason: str

    def to_json(self) -> dict[str, str]:
        """The cell's entry in `plan --json`."""
        cell = self.cell
        labels = {"table": cell.table, "row": cell.row, "column": cell.column, "metric": cell.metric}
        return {"study": self.study, **labels, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Forecast of one or more plans at one scale.

    Attributes:
        data: fingerprint of the data set, or ``absent``; signatures are then provisional.
        tables: number of tables.
        cells: number of cells that need a trial, invalid ones included.
        trials: forecasts of all trials, each before those that require it.
        invalid: cells that can't run.
        refusal: reason why no trial can run; empty if one can.
        price: price of an hour of one worker, in any currency.
        hours_on_nodes: wall time of the trials with known hours on the stated nodes; None if none are stated.
        notes: further notes for the user.
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
        """Number of trials in one of these states."""
        return sum(one.state in states for one in self.trials)

    @property
    def unfinished(self) -> tuple[TrialForecast, ...]:
        """Trials that are not finished."""
        return tuple(one for one in self.trials if one.state not in FINISHED)

    @property
    def unknown(self) -> int:
        """Number of unfinished trials without known hours."""
        return sum(one.hours is None for one in self.unfinished)

    @property
    def worker_hours(self) -> float:
        """Worker-hours of the unfinished trials with known hours."""
        return sum(one.worker_hours or 0.0 for one in self.unfinished)

    def to_json(self) -> dict[str, Any]:
        """Output of `plan --json`."""
        finished, running, failed = self.count(*FINISHED), self.count("running"), self.count("failed")
        known = self.unknown < len(self.unfinished) or not self.unfinished
        return {
            "scale": self.scale,
            "data": self.data,
            "trials": [one.to_json() for one in self.trials],
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
                "gflops": sum((one.gflops or 0.0) * one.left for one in self.unfinished),
                "worker_hours": self.worker_hours if known else None,
                "trials_without_hours": self.unknown,
                "hours_on_nodes": self.hours_on_nodes,
                "price": None if self.price is None or not known else self.price * self.worker_hours,
            },
            "notes": list(self.notes),
        }
