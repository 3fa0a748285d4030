"""Rows and columns of a plan's tables with their changes of the config, printed before training."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from retable.planning.plan import Plan
from retable.study.changes import changes, changes_text
from retable.study.table import Table, unchanged


def row_tables(plan: Plan[Any]) -> Iterator[Group]:
    """Tables of rows and columns with their changes at the plan's scale, computed from the configs."""
    for number, limit in plan.tables.items():
        yield _grid(plan, plan.study.table(number), limit)


def _grid(plan: Plan[Any], table: Table[Any], limit: int | None) -> Group:
    shrink = plan.scale.shrink
    rows = [(row.label, row.config) for row in table.rows[:limit] if row.config is not None]
    title = f"Table {table.number}. {table.caption} [{plan.scale.name} scale]"
    grid = Grid(box=None, pad_edge=False)
    grid.add_column("")
    grid.add_column("what changes", overflow="fold")
    if not rows:
        return Group(Text(title), grid)
    labels = [label for label, _ in rows]
    base = labels.index(table.reference) if table.reference in labels else 0
    start = rows[base][1]
    for label, config in rows:
        found = changes(shrink(start), shrink(config))
        text = "the others are compared with it" if config is start else changes_text(found)
        grid.add_row(Text(label), Text(text))
    for column in table.columns:
        if column.change is not unchanged:
            try:
                text = changes_text(changes(shrink(start), shrink(column.change(start))))
            except ValueError as error:
                text = f"can't run: {error}"
            grid.add_row(Text(f"column {column.label}"), Text(text))
    return Group(Text(title), grid)
