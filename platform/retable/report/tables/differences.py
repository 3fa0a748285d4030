"""Differences of a table's cells from its reference row or column, paired by training seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from retable.planning.plan import Plan
from retable.report.results.cells import FilledCell
from retable.report.results.evidence import NOT_TRAINED, gather
from retable.report.results.numbers import signed
from retable.report.results.statistics import ALPHA, POWER, Paired, holm, paired, seeds_to_decide
from retable.report.results.table import CellText, WideTable
from retable.report.tables.verdicts import interval
from retable.study.table import Table

DTYPES = {
    "study": "string",
    "scale": "string",
    "table": "string",
    "row": "string",
    "column": "string",
    "metric": "string",
    "reference": "string",
    "difference": "Float64",
    "low": "Float64",
    "high": "Float64",
    "std_seeds": "Float64",
    "p_holm": "Float64",
    "n_seeds": "Int64",
    "seeds": "string",
    "seeds_to_decide": "Int64",
    "why_none": "string",
}


@dataclass(frozen=True)
class Difference:
    """Difference of a cell from the reference.

    Attributes:
        size: differences over seeds; None if there are none, for the reason in `why`.
        seeds: training seeds of the pairs.
        p: p of the paired t test, corrected by Holm's method over the table; None with fewer than two seeds.
        seeds_to_decide: number of seeds that would decide it; None if it is decided or the number is not known.
    """

    row: str
    column: str
    metric: str
    size: Paired | None
    seeds: tuple[int, ...]
    why: str
    p: float | None = None
    seeds_to_decide: int | None = None

    @property
    def text(self) -> str:
        """Text on the significance of the difference, or the reason why there is none."""
        if self.size is None:
            return self.why
        if self.p is None:
            return "inconclusive with 1 seed"
        if self.p < ALPHA:
            return f"p = {self.p:.2g}, {self.size.n_seeds} seeds"
        needed = (
            f"{self.seeds_to_decide} would decide it" if self.seeds_to_decide else "none in reach decides it"
        )
        return f"inconclusive with {self.size.n_seeds} seeds; {needed}"


def differences(plan: Plan[Any], table: Table[Any], cells: Sequence[FilledCell[Any]]) -> list[Difference]:
    """Differences of a table's cells from the reference's cell in the same column, or row if the reference is a column.

    Args:
        cells: cells of the table, in any order.

    Returns:
        No difference for the reference itself and for numbers that the paper cites from others.
    """
    at = {(one.cell.row, one.cell.column): one for one in cells if one.cell.table == table.number}
    found = []
    for (row, column), one in at.items():
        if not one.outcomes or table.reference in (row, column):
            continue
        is_row = table.reference in {known for known, _ in at}
        reference = at.get((table.reference, column) if is_row else (row, table.reference))
        if reference is None:  # the scale leaves out its row
            continue
        evidence = gather([(one, 1), (reference, -1)], plan.seeds, plan.scale)
        size = paired(list(evidence.by_seed.values())) if evidence.by_seed else None
        found.append(Difference(row, column, one.cell.metric, size, tuple(evidence.by_seed), evidence.why))
    return list(_corrected(found))


def difference_tables(plan: Plan[Any], cells: Sequence[FilledCell[Any]]) -> list[WideTable]:
    """Tables of differences, one for each table of the plan with a reference and at least two seeds."""
    tables = []
    for number in plan.tables:
        table = plan.study.table(number)
        found = differences(plan, table, cells) if table.reference else []
        if any(one.size is not None and one.size.n_seeds > 1 for one in found):
            tables.append(_wide(plan, table, found))
    return tables


def _corrected(found: Sequence[Difference]) -> Iterator[Difference]:
    """Differences with p corrected by Holm's method over those with a test."""
    p_values = [one.size.p for one in found if one.size is not None and one.size.p is not None]
    adjusted = iter(holm(p_values))
    for one in found:
        size = one.size
        if size is None or size.p is None or size.std is None:
            yield one
            continue
        p, needed = next(adjusted), None
        if p >= ALPHA:
            needed = seeds_to_decide(size.mean, size.std, ALPHA / len(p_values))
            needed = needed and max(needed, size.n_seeds + 1)
        yield Difference(one.row, one.column, one.metric, size, one.seeds, "", p, needed)


def _wide(plan: Plan[Any], table: Table[Any], found: Sequence[Difference]) -> WideTable:
    columns = tuple(dict.fromkeys(one.column for one in found))
    rows = {
        row: {column: CellText() for column in columns} for row in dict.fromkeys(one.row for one in found)
    }
    for one in found:
        rows[one.row][one.column] = _text(one)
    return WideTable(
        number=f"{table.number}_differences",
        title=f"Table {table.number}, differences from {table.reference} [{plan.scale.name} scale]",
        columns=columns,
        rows={row: tuple(texts.values()) for row, texts in rows.items()},
        notes=(
            f"Paired by training seed; [ ] is the {1 - ALPHA:.0%} bootstrap interval, too narrow for few seeds.",
            f"p is of paired t tests, corrected by Holm over this table's {sum(one.p is not None for one in found)}.",
            f"Seeds that would decide: for power {POWER:.0%}, were the differences normal with the mean and spread seen.",
        ),
        tidy=pd.DataFrame([_line(plan, table, one) for one in found], columns=list(DTYPES)).astype(DTYPES),
    )


def _text(one: Difference) -> CellText:
    if one.size is None:
        return CellText("not run" if one.why == NOT_TRAINED else one.why)
    mean = one.size.mean
    return CellText(f"{signed(mean, mean)}{interval(one.size.low, one.size.high, mean)}", "", one.text)


def _line(plan: Plan[Any], table: Table[Any], one: Difference) -> dict[str, object]:
    line: dict[str, object] = {
        "study": plan.study.name,
        "scale": plan.scale.name,
        "table": table.number,
        "row": one.row,
        "column": one.column,
        "metric": one.metric,
        "reference": table.reference,
        "p_holm": one.p,
        "seeds": " ".join(map(str, one.seeds)),
        "seeds_to_decide": one.seeds_to_decide,
        "why_none": one.why or None,
    }
    if one.size is not None:
        size = one.size
        line |= {"difference": size.mean, "low": size.low, "high": size.high}
        line |= {"std_seeds": size.std, "n_seeds": size.n_seeds}
    return line
