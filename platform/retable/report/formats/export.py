"""Export of tables to files: CSV and Parquet (tidy and wide), Markdown, LaTeX and HTML."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from retable.io.files import write_bytes, write_text
from retable.report.formats.escape import csv_text, markdown_text
from retable.report.formats.html import to_html
from retable.report.formats.latex import details_to_latex, to_latex
from retable.report.results.table import WideTable


def export(tables: Sequence[WideTable], folder: Path) -> list[Path]:
    """Write each table in all formats; existing files are replaced atomically.

    ``table_<number>.csv`` and ``.parquet`` hold the tidy cells, ``table_<number>_wide.csv`` and ``_wide.parquet`` the
    texts as in the paper. ``table_<number>.md`` and ``.html`` hold these texts with the notes, and the details of each
    cell: seeds, source, cost and provenance. ``table_<number>.tex`` and ``_cells.tex`` together hold the same.

    Returns:
        The paths written.

    Raises:
        OSError: the folder cannot be written.
    """
    written = []
    for table in tables:
        stem = f"table_{table.number}"
        for frame, name in ((table.tidy, stem), (table.frame(), f"{stem}_wide")):
            write_text(folder / f"{name}.csv", to_csv(frame))
            write_bytes(folder / f"{name}.parquet", _to_parquet(frame))
            written += [folder / f"{name}.csv", folder / f"{name}.parquet"]
        for name, text in _texts(table, stem).items():
            write_text(folder / name, text)
            written.append(folder / name)
    return written


def _texts(table: WideTable, stem: str) -> dict[str, str]:
    """File name -> content, for the formats that people read."""
    texts = {
        f"{stem}.md": to_markdown(table),
        f"{stem}.tex": to_latex(table),
        f"{stem}.html": to_html(table, table.cells),
    }
    if table.cells is not None:
        texts[f"{stem}_cells.tex"] = details_to_latex(table, table.cells)
    return texts


def to_csv(frame: pd.DataFrame) -> str:
    """Frame as CSV that is safe to open in a spreadsheet: text is escaped, numbers are unchanged."""
    safe = frame.copy()
    for name in safe.columns:
        if isinstance(safe[name].dtype, pd.StringDtype):
            safe[name] = safe[name].map(csv_text, na_action="ignore")
    return safe.rename(columns=csv_text).to_csv(index=False, lineterminator="\n")


def to_markdown(table: WideTable) -> str:
    """Table as GitHub's Markdown: title, cells, notes, details."""
    lines = [
        f"**{markdown_text(table.title)}**",
        "",
        _line(["", *table.columns]),
        "|" + " --- |" * (len(table.columns) + 1),
        *(_line([label, *map(str, cells)]) for label, cells in table.rows.items()),
        "",
        *(f"- {markdown_text(note)}" for note in table.notes),
    ]
    if table.cells is not None:
        rows = [list(map(str, line)) for line in table.cells.itertuples(index=False)]
        lines += [
            "",
            _line(list(table.cells.columns)),
            "|" + " --- |" * len(table.cells.columns),
            *map(_line, rows),
        ]
    return "\n".join(lines) + "\n"


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_text, texts)) + " |"


def _to_parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
