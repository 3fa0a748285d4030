"""How many times as fast the cells of a table train as its reference, ours beside the paper's."""

from collections.abc import Iterator, Sequence
from typing import Any

from retable.report.results.cells import FilledCell
from retable.report.results.epoch_minutes import FAMILY
from retable.study.table import Table


def speedups(table: Table[Any], cells: Sequence[FilledCell[Any]]) -> list[str]:
    """A sentence on each cell of minutes that may be compared with the reference's.

    Args:
        cells: the table's.
    """
    timed = [one for one in cells if one.cell.metric == FAMILY]
    reference = {label: one for one in timed for label in _places(table, one) if label}
    found = (
        (one, reference.get(one.cell.column if _is_row(table) else one.cell.row))
        for one in timed
        if table.reference not in (one.cell.row, one.cell.column)
    )
    return [text for one, other in found if other is not None for text in _sentence(table, one, other)]


def _is_row(table: Table[Any]) -> bool:
    """Whether the reference is a row, and not a column."""
    return table.reference in {row.label for row in table.rows}


def _places(table: Table[Any], one: FilledCell[Any]) -> Iterator[str]:
    """Where a cell of the reference counts: its column if the reference is a row, else its row."""
    if one.cell.row == table.reference:
        yield one.cell.column
    if one.cell.column == table.reference:
        yield one.cell.row


def _sentence(table: Table[Any], one: FilledCell[Any], other: FilledCell[Any]) -> Iterator[str]:
    """Such as ``256 px, after: 5.9 times as fast as before (paper 3.75)``."""
    name = one.cell.row if _is_row(table) else f"{one.cell.row}, {one.cell.column}"
    ours = _ratio(_measured(other), _measured(one)) if list(one.summaries) == list(other.summaries) else None
    paper = _ratio(_published(other), _published(one))
    if ours is not None:
        beside = "" if paper is None else f" (paper {paper:.2f})"
        yield f"{name}: {ours:.2f} times as fast as {table.reference}{beside}."


def _ratio(slow: float | None, fast: float | None) -> float | None:
    return slow / fast if slow is not None and fast else None


def _measured(one: FilledCell[Any]) -> float | None:
    """The cell's minutes; None where there are none, or some of several protocols."""
    return next(iter(one.summaries.values())).value if len(one.summaries) == 1 else None


def _published(one: FilledCell[Any]) -> float | None:
    return one.cell.published.value if one.cell.published else None
