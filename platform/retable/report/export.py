"""Tables as files to analyse or to paste: CSV and Parquet, tidy and wide, and Markdown."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from retable.files import write_bytes, write_text
from retable.report.escape import csv_text, markdown_text
from retable.report.wide import WideTable


def export(tables: Sequence[WideTable], folder: Path) -> list[Path]:
    """Write each table whole, over what was there.

    ``table_<number>.csv`` and ``.parquet`` hold the tidy cells, ``table_<number>_wide.csv`` and ``_wide.parquet`` the
    texts as in the paper, ``table_<number>.md`` those texts with the notes.

    Returns:
        The paths written.

    Raises:
        OSError: the folder can't be written.
    """
    written = []
    for table in tables:
        stem = f"table_{table.number}"
        for frame, name in ((table.tidy, stem), (table.frame(), f"{stem}_wide")):
            write_text(folder / f"{name}.csv", to_csv(frame))
            write_bytes(folder / f"{name}.parquet", _to_parquet(frame))
            written += [folder / f"{name}.csv", folder / f"{name}.parquet"]
        write_text(folder / f"{stem}.md", to_markdown(table))
        written.append(folder / f"{stem}.md")
    return written


def to_csv(frame: pd.DataFrame) -> str:
    """The frame as CSV that is safe to open in a spreadsheet: text is escaped, numbers are unchanged."""
    safe = frame.copy()
    for name in safe.columns:
        if isinstance(safe[name].dtype, pd.StringDtype):
            safe[name] = safe[name].map(csv_text, na_action="ignore")
    return safe.rename(columns=csv_text).to_csv(index=False, lineterminator="\n")


def to_markdown(table: WideTable) -> str:
    """The table as GitHub's Markdown: title, cells, notes."""
    lines = [
        f"**{markdown_text(table.title)}**",
        "",
        _line(["", *table.columns]),
        "|" + " --- |" * (len(table.columns) + 1),
        *(_line([label, *map(str, cells)]) for label, cells in table.rows.items()),
        "",
        *(f"- {markdown_text(note)}" for note in table.notes),
    ]
    return "\n".join(lines) + "\n"


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_text, texts)) + " |"


def _to_parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
