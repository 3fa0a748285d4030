"""What would run, for people to read before they pay for it."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from retable.plan import Plan, PlannedTrial, differing_labels


def plan_tables(plan: Plan[Any], states: Mapping[str, str]) -> list[Table]:
    """One table for each model family: a line a trial, with the parameters that differ and the tables it fills.

    Args:
        states: signature -> what the ledger says; a trial that is not in it is missing.
    """
    families = groupby(plan.trials, key=lambda planned: planned.trial.config.trainable)
    return [_family(name, list(trials), states) for name, trials in families]


def _family(name: str, trials: list[PlannedTrial], states: Mapping[str, str]) -> Table:
    varying = differing_labels([planned.trial for planned in trials])
    table = Table(
        title=f"{name}: {len(trials)} trial{'s' * (len(trials) > 1)}", title_justify="left", box=None
    )
    for heading in ("signature", *varying, "seed", "iterations", "state", "tables"):
        table.add_column(heading, no_wrap=heading != "tables", justify="left")
    for planned in trials:
        labels = planned.trial.config.labels()
        state = states.get(planned.signature, "missing")
        table.add_row(
            planned.signature,
            *(str(labels.get(key, "")) for key in varying),
            str(planned.trial.seed),
            f"{planned.trial.config.iterations:,}",
            Text(state, style="green" if state == "done" else ""),
            _tables(planned),
        )
    return table


def _tables(planned: PlannedTrial) -> str:
    """Numbers of the tables that a trial fills, in the order of the plan."""
    numbers = dict.fromkeys(place.partition(":")[0] for place in planned.places)
    return ", ".join(numbers) or "(required by the others)"
