"""TODO."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class CellText:
    """One place of a table in words. A part that there is nothing to say for is empty.

    Attributes:
        ours: value ± spread, or what became of the cell.
        paper: the published number, marked with the note that belongs to it.
        difference: from the paper's number, or why there is none.
    """

    ours: str = ""
    paper: str = ""
    difference: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The parts that there is something to say for, one below the other."""
        return tuple(part for part in (self.ours, self.paper, self.difference) if part)

    def __str__(self) -> str:
        beside = "; ".join(part for part in (self.paper, self.difference) if part)
        return f"{self.ours} ({beside})" if self.ours and beside else self.ours or beside


@dataclass(frozen=True)
class WideTable:
    """One table of a study, ready to be printed or exported.

    Attributes:
        title: number and caption, with the scale.
        rows: row label -> its cells, in the order of the columns.
        notes: what a reader needs to know: spreads, seeds, protocols, cost, the paper's own notes.
        tidy: the numbers behind it (`retable.report.tables.tidy.cells_frame`).
        cells: the same in words (`retable.report.tables.details.details`); None where the table is no table of a paper.
    """

    number: str
    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[CellText, ...]]
    notes: tuple[str, ...]
    tidy: pd.DataFrame
    cells: pd.DataFrame | None = None

    def frame(self) -> pd.DataFrame:
        """The texts; the first column, which has no name, holds the row labels."""
        texts = [[label, *map(str, cells)] for label, cells in self.rows.items()]
        return pd.DataFrame(texts, columns=["", *self.columns], dtype="string")
