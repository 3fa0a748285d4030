"""All tables of a report in their order (tables, differences, trade-offs, equal times, claims), and its plots."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from retable.planning.plan import Plan
from retable.report.plots.equal_time import draw_equal_times
from retable.report.results.cells import filled_cells
from retable.report.results.load import Result
from retable.report.results.table import WideTable
from retable.report.tables.claims import claim_verdicts, claims_plan
from retable.report.tables.differences import difference_tables
from retable.report.tables.equal_time import equal_time_tables
from retable.report.tables.tradeoff import draw_tradeoffs, tradeoff_tables
from retable.report.tables.verdicts import verdict_table
from retable.report.tables.wide import wide_tables

Load = Callable[[Iterable[str]], Mapping[str, Result]]
"""Signatures -> results of those trials."""


def report_tables(plan: Plan[Any], load: Load) -> list[WideTable]:
    """Tables of the plan, differences over seeds, trade-offs, comparisons at equal time, and verdicts on the claims.

    Verdicts use every table that a claim names, also those that are not in the plan: their trials may have been trained
    before.
    """
    results = load(planned.signature for planned in plan.trials)
    cells = filled_cells(plan, results)
    tables = [*wide_tables(plan, cells), *difference_tables(plan, cells), *tradeoff_tables(plan, cells)]
    tables += equal_time_tables(plan, cells, results)
    if plan.study.claims:
        claimed = claims_plan(plan.study, plan.scale, plan.data, plan.seeds)
        results = load(planned.signature for planned in claimed.trials)
        tables.append(verdict_table(claimed, claim_verdicts(claimed, filled_cells(claimed, results))))
    return tables


def draw_figures(plan: Plan[Any], load: Load, folder: Path) -> list[Path]:
    """Draw the curves that the plan's study declares, as PNG and SVG.

    Returns:
        The paths written.
    """
    results = load(planned.signature for planned in plan.trials)
    cells = filled_cells(plan, results)
    return [*draw_tradeoffs(plan, cells, folder), *draw_equal_times(plan, cells, results, folder)]
