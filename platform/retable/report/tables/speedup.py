"""Speed-ups of a table's cells over its reference, ours beside the paper's."""

from collections.abc import Iterator, Sequence
from typing import Any

from retable.report.results.cells import FilledCell
from retable.report.results.epoch_minutes import FAMILY
from retable.study.table import Table


def speedups(table: Table[Any], cells: Sequence[FilledCell[Any]]) -> list[str]:
    """Sentences on the cells of minutes that may be compared with the reference.

    Args:
        cells: cells of the table.
    """
    timed = [one for one in cells if one.cell.metric == FAMILY]
    reference = {label: one for one in timed for label in _keys(table, one) if label}
    found = (
        (one, reference.get(one.cell.column if _is_row(table) else one.cell.row))
        for one in timed
        if table.reference not in (one.cell.row, one.cell.column)
    )
    return [text for one, other in found if other is not None for text in _sentence(table, one, other)]


def _is_row(table: Table[Any]) -> bool:
    """True if the reference is a row, False if it is a column."""
    return table.reference in {row.label for row in table.rows}


def _keys(table: Table[Any], one: FilledCell[Any]) -> Iterator[str]:
    """Column of a cell of the reference if that is a row, else its row."""
    if one.cell.row == table.reference:
        yield one.cell.column
    if one.cell.column == table.reference:
        yield one.cell.row


def _sentence(table: Table[Any], one: FilledCell[Any], other: FilledCell[Any]) -> Iterator[str]:
    """Sentence on a speed-up, such as ``256 px, after: 5.9 times as fast as before (paper 3.75).``"""
    name = one.cell.row if _is_row(table) else f"{one.cell.row}, {one.cell.column}"
    ours = _ratio(_measured(other), _measured(one)) if list(one.summaries) == list(other.summaries) else None
    paper = _ratio(_published(other), _published(one))
    if ours is not None:
        beside = "" if paper is None else f" (paper {paper:.2f})"
        yield f"{name}: {ours:.2f} times as fast as {table.reference}{beside}."


def _ratio(slow: float | None, fast: float | None) -> float | None:
    return slow / fast if slow is not None and fast else None


def _measured(one: FilledCell[Any]) -> float | None:
    """Minutes of the cell; None if there are none, or if they have several protocols."""
    return next(iter(one.summaries.values())).value if len(one.summaries) == 1 else None


def _published(one: FilledCell[Any]) -> float | None:
    return one.cell.published.value if one.cell.published else None
