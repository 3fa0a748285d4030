"""Table of texts, independent of the output format."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class CellText:
    """Text of a cell; parts without content are empty.

    Attributes:
        ours: value ± spread, or the state of the cell.
        paper: published number with the mark of its footnote.
        difference: difference from the paper's number, or the reason why there is none.
    """

    ours: str = ""
    paper: str = ""
    difference: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Parts with content, in the order of lines."""
        return tuple(part for part in (self.ours, self.paper, self.difference) if part)

    def __str__(self) -> str:
        beside = "; ".join(part for part in (self.paper, self.difference) if part)
        return f"{self.ours} ({beside})" if self.ours and beside else self.ours or beside


@dataclass(frozen=True)
class WideTable:
    """Table as it is printed and exported.

    Attributes:
        number: number of the table; part of the file names.
        title: number, caption and scale.
        columns: column labels.
        rows: row label -> cells, in the order of the columns.
        notes: notes on spreads, seeds, protocols and cost, and the paper's own notes.
        tidy: numbers of the table (`retable.report.tables.tidy.cells_frame`).
        cells: details of each cell as text (`retable.report.tables.details.details`); None for a table that is not one
            of a paper.
    """

    number: str
    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[CellText, ...]]
    notes: tuple[str, ...]
    tidy: pd.DataFrame
    cells: pd.DataFrame | None = None

    def frame(self) -> pd.DataFrame:
        """Frame of the texts; the first column, which has no name, holds the row labels."""
        texts = [[label, *map(str, cells)] for label, cells in self.rows.items()]
        return pd.DataFrame(texts, columns=["", *self.columns], dtype="string")
