"""Console format: each cell has our number, below it the paper's and the difference or the reason why there is none."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from retable.report.formats.escape import plain_text
from retable.report.results.table import CellText, WideTable


def print_tables(tables: Sequence[WideTable], console: Console) -> None:
    """Print the tables one below the other. They are made for 100 columns; on a narrower console, cells fold."""
    for table in tables:
        console.print(rendered(table), soft_wrap=False)
        console.print()


def rendered(table: WideTable) -> RenderableType:
    """The table with its notes, for any rich console."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("", overflow="fold")
    for column in table.columns:
        grid.add_column(_text(column), overflow="fold")
    for label, cells in table.rows.items():
        grid.add_row(_text(label), *map(_cell, cells))
    return Group(_text(table.title, "bold"), grid, *(_text(note, "dim") for note in table.notes))


def _cell(cell: CellText) -> Text:
    parts = ((cell.ours, ""), (cell.paper, "dim"), (cell.difference, "dim"))
    return Text("\n").join(_text(part, style) for part, style in parts if part)


def _text(text: str, style: str = "") -> Text:
    # Never a str: rich would read [brackets] in it as its own markup.
    return Text(plain_text(text), style)
