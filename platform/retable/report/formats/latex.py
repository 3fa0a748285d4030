"""LaTeX format: tables to ``\\input``, which need no package but booktabs."""

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

import pandas as pd

from retable.report.formats.escape import latex_text
from retable.report.results.table import WideTable


def to_latex(table: WideTable) -> str:
    """Table as the paper prints it: our number, below it the paper's and the difference or the reason for none."""
    lines: list[Sequence[str]] = []
    for label, cells in table.rows.items():
        first, *below = zip_longest(*(cell.lines or ("",) for cell in cells), fillvalue="")
        lines.append([latex_text(label), *map(latex_text, first)])
        lines += [["", *map(_small, texts)] for texts in below]
    return _table(table, table.number, ["", *table.columns], lines, table.notes)


def details_to_latex(table: WideTable, frame: pd.DataFrame) -> str:
    """Table of the details of the cells (`retable.report.tables.details.details`)."""
    lines = [[latex_text(str(text)) for text in line] for line in frame.itertuples(index=False)]
    return _table(table, f"{table.number}-cells", list(frame.columns), lines, ())


def _table(
    table: WideTable,
    number: str,
    columns: Sequence[str],
    lines: Iterable[Sequence[str]],
    notes: Iterable[str],
) -> str:
    label = "".join(character if character.isascii() and character.isalnum() else "-" for character in number)
    source = [
        r"% \usepackage{booktabs}, then \input this file",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_text(_caption(table))}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{'l' * len(columns)}}}",
        r"\toprule",
        _row(latex_text(column) for column in columns),
        r"\midrule",
        *map(_row, lines),
        r"\bottomrule",
        r"\end{tabular}",
        *chain.from_iterable((r"\par", _small(note)) for note in notes),
        r"\end{table}",
    ]
    return "\n".join(source) + "\n"


def _caption(table: WideTable) -> str:
    """Title with its number at the end, since a document numbers its tables itself."""
    numbered = f"Table {table.number}. "
    if not table.title.startswith(numbered):
        return table.title
    return f"{table.title.removeprefix(numbered)} (Table {table.number})"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _small(text: str) -> str:
    return rf"{{\footnotesize {latex_text(text)}}}" if text else ""
