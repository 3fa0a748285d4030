"""Estimate of plans: their forecast from the ledger, the trials' folders and the step costs. Starts nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from retable.costs.cache import CostCache
from retable.costs.throughput import TrialThroughput, read_throughput
from retable.data.scan.catalog import Catalog
from retable.planning.compatibility import Compatibility
from retable.planning.duration import Machine, MeasuredTrial, trial_forecasts
from retable.planning.forecast import Forecast, Invalid
from retable.planning.plan import Plan, PlannedTrial, runnable
from retable.store.formats.layout import ResultsFolder
from retable.store.records import FINISHED, TrialRecord
from retable.study.table import Cell
from retable.trial.config import TrialConfig
from retable.trial.step_cost import StepCost, gpus_for, room_mb
from retable.trial.trial import Trial

Progress = Callable[[int, int], None]


def estimate(
    plans: Sequence[Plan[Any]],
    results: Path,
    records: Mapping[str, TrialRecord],
    machine: Machine,
    *,
    catalog: Catalog | None = None,
    costs: CostCache | None = None,
    progress: Progress | None = None,
) -> Forecast:
    """Forecast of plans at one scale over one data set; a trial that several plans share counts once.

    Args:
        results: folder of results.
        records: signature -> record of the ledger.
        machine: machine that the trials would run on.
        catalog: catalog of the data set; None if it is not on this machine.
        costs: cache of step costs; by default, the one in the user's cache folder.
        progress: called after each trial with the number of trials done and of all.
    """
    compatibility = None if catalog is None else Compatibility(catalog)
    checks = _Checks(machine, CostCache() if costs is None else costs, compatibility)
    merged = _merged(plans)
    measured: list[MeasuredTrial] = []
    for done, (signature, (planned, tables)) in enumerate(merged.items(), start=1):
        record = records.get(signature)
        state = "missing" if record is None else record.state
        cost = checks.check(planned, finished=state in FINISHED)
        measured.append(MeasuredTrial(planned, tables, state, cost, _throughput(results, record)))
        if progress is not None:
            progress(done, len(merged))
    possible = {one.signature for one in runnable([one.planned for one in measured], checks.reasons)}
    trials = trial_forecasts([one for one in measured if one.planned.signature in possible], machine)
    invalid = tuple(_invalid(plans, checks.reasons))
    reasons = [one.reason for one in invalid] or list(checks.reasons.values())
    return Forecast(
        scale=plans[0].scale.name,
        data=plans[0].data,
        tables=sum(len(plan.tables) for plan in plans),
        cells=sum(cell.config is not None or bool(cell.obstacle) for plan in plans for cell in plan.cells()),
        trials=trials,
        invalid=invalid,
        refusal=f"no cell can run: {'; '.join(dict.fromkeys(reasons))}" if reasons and not trials else "",
        price=machine.price,
        hours_on_nodes=machine.hours_of(trials),
        notes=tuple(checks.notes),
    )


def _merged(plans: Sequence[Plan[Any]]) -> dict[str, tuple[PlannedTrial, tuple[str, ...]]]:
    """Trials of all plans by signature, each with its cells in all plans and the tables of these cells.

    Tables are named by their number if all studies are of one paper, else by study and number.
    """
    one_paper = len({plan.study.paper for plan in plans}) == 1
    merged: dict[str, tuple[PlannedTrial, tuple[str, ...]]] = {}
    for plan in plans:
        for planned in plan.trials:
            before, tables = merged.get(planned.signature, (replace(planned, cells=()), ()))
            numbers = (cell.partition(":")[0] for cell in planned.cells)
            more = (number if one_paper else f"{plan.study.name} {number}" for number in numbers)
            both = replace(before, cells=(*before.cells, *planned.cells))
            merged[planned.signature] = both, tuple(dict.fromkeys((*tables, *more)))
    return merged


def _throughput(results: Path, record: TrialRecord | None) -> TrialThroughput:
    """Measured throughput of a trial, with the ledger's number of workers if the folder has none."""
    if record is None:
        return TrialThroughput()  # the next run adopts a folder that is not in the ledger
    throughput = read_throughput(ResultsFolder(results).trial(record.signature).path)
    if throughput.workers is None and record.attempts:
        return replace(throughput, workers=record.attempts[-1].workers)
    return throughput


@dataclass
class _Checks:
    """Checks of trials before they are started: cost, data and memory.

    Attributes:
        reasons: signature -> reason why the trial can't run.
        notes: reasons why some costs are not known.
    """

    machine: Machine
    costs: CostCache
    compatibility: Compatibility | None
    reasons: dict[str, str] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def check(self, planned: PlannedTrial, *, finished: bool) -> StepCost | None:
        """Cost of a trial's step; None if it is not known. Trials that it requires must be checked before it."""
        cost, reason = self._cost(planned.trial.config)
        reason = reason or (
            "" if self.compatibility is None else self.compatibility.incompatibility(planned.trial.config)
        )
        reason = reason or ("" if cost is None else self._memory(planned.trial.config, cost))
        for required in planned.requires:
            if not reason and required in self.reasons:
                reason = f"trial {required}, which it requires, can't run: {self.reasons[required]}"
        if reason and not finished:
            self.reasons[planned.signature] = reason
        return cost

    def _cost(self, config: TrialConfig) -> tuple[StepCost | None, str]:
        try:
            return self.costs.of(config), ""
        except ValueError as error:
            return None, str(error)
        except RuntimeError as error:  # an operator that the meta device lacks says nothing about training
            self.notes.setdefault(f"The cost of some {config.trainable} trials could not be counted: {error}")
            return None, ""

    def _memory(self, config: TrialConfig, cost: StepCost) -> str:
        """Reason why the trial fits on none of the stated cards; empty if it fits, or if none is stated."""
        micro = config.batch_size // config.accumulate
        needed = [gpus_for(cost, micro, card) for card in self.machine.cards or ()]
        most = self.machine.workers
        if not needed or any(gpus is not None and gpus <= (most or gpus) for gpus in needed):
            return ""
        cards = " or ".join(f"{card:g}" for card in self.machine.cards or ())
        if all(gpus is None for gpus in needed):
            room = max(map(room_mb, self.machine.cards or ())) / 1024
            one = cost.memory_mb(1, micro) / 1024
            return (
                f"one sample on each GPU takes {one:.1f} GB, but a card of {cards} GB has room for {room:.1f}"
            )
        fewest = min(gpus for gpus in needed if gpus is not None)
        return f"{micro} samples at a time need {fewest} GPUs of {cards} GB, but --workers is {most}"


def _invalid(plans: Sequence[Plan[Any]], reasons: Mapping[str, str]) -> list[Invalid]:
    found = []
    for plan in plans:
        for cell in plan.cells():
            if reason := _reason(plan, cell, reasons):
                found.append(Invalid(plan.study.name, cell, reason))
    return found


def _reason(plan: Plan[Any], cell: Cell[Any], reasons: Mapping[str, str]) -> str:
    if cell.config is None or not reasons:
        return cell.obstacle
    trials = (Trial(cell.config, seed, plan.data) for seed in plan.seeds)
    return next((reasons[trial.signature] for trial in trials if trial.signature in reasons), "")
