"""Tables as one HTML page each that needs nothing beside it: no script, no font, no style sheet from elsewhere."""

from collections.abc import Sequence
from html import escape

import pandas as pd

from retable.report.formats.escape import plain_text
from retable.report.results.table import CellText, WideTable


def to_html(table: WideTable, cells: pd.DataFrame | None = None) -> str:
    """The table as the paper prints it, its notes, and below it the cells one by one where they are given.

    Args:
        cells: `retable.report.tables.details.details` of the table.
    """
    number = "".join(
        character if character.isascii() and character.isalnum() else "-" for character in table.number
    )
    lines = [[_text(label), *map(_cell, cells)] for label, cells in table.rows.items()]
    pieces = [_great_table(f"table-{number}", table.title, ["", *table.columns], lines, table.notes)]
    if cells is not None:
        lines = [[_text(str(text)) for text in line] for line in cells.itertuples(index=False)]
        pieces.append(_great_table(f"cells-{number}", "Its cells one by one", list(cells.columns), lines, ()))
    head = f'<meta charset="utf-8">\n<title>{_text(table.title)}</title>'
    body = "\n".join(pieces)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _great_table(
    name: str, title: str, columns: Sequence[str], lines: Sequence[Sequence[str]], notes: Sequence[str]
) -> str:
    from great_tables import (
        GT,
        html,
    )  # here, for it takes as long to import as a command that prints no table

    # Columns have neutral names, which great_tables puts into ids; what is shown is HTML already and goes through `html`
    # or `fmt`, so that it is neither escaped again nor read as Markdown.
    names = [f"c{place}" for place in range(len(columns))]
    frame = pd.DataFrame(lines, columns=names, dtype="object")
    page = GT(frame, id=name).fmt(str, columns=names).tab_header(title=html(_text(title)))
    page = page.cols_label({key: html(_text(label)) for key, label in zip(names, columns, strict=True)})
    for note in notes:
        page = page.tab_source_note(html(_text(note)))
    return page.as_raw_html()


def _cell(cell: CellText) -> str:
    first, *below = map(_text, cell.lines or ("",))
    return "<br>".join([first, *(f"<small>{line}</small>" for line in below)])


def _text(text: str) -> str:
    # great_tables reads {{braces}} in labels as units, also where they are HTML.
    return escape(plain_text(text)).replace("{", "&#123;")
