"""HTML format: one self-contained page for each table, without external scripts, fonts or style sheets."""

from collections.abc import Sequence
from html import escape

import pandas as pd

from retable.report.formats.escape import plain_text
from retable.report.results.table import CellText, WideTable


def to_html(table: WideTable, cells: pd.DataFrame | None = None) -> str:
    """Page with the table as the paper prints it, its notes, and the details of its cells if they are given.

    Args:
        cells: details of the cells (`retable.report.tables.details.details`).
    """
    number = "".join(
        character if character.isascii() and character.isalnum() else "-" for character in table.number
    )
    lines = [[_text(label), *map(_cell, cells)] for label, cells in table.rows.items()]
    grids = [_great_table(f"table-{number}", table.title, ["", *table.columns], lines, table.notes)]
    if cells is not None:
        lines = [[_text(str(text)) for text in line] for line in cells.itertuples(index=False)]
        grids.append(_great_table(f"cells-{number}", "Its cells one by one", list(cells.columns), lines, ()))
    head = f'<meta charset="utf-8">\n<title>{_text(table.title)}</title>'
    body = "\n".join(grids)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _great_table(
    name: str, title: str, columns: Sequence[str], lines: Sequence[Sequence[str]], notes: Sequence[str]
) -> str:
    # Imported here, since the import takes as long as a command that prints no table.
    from great_tables import GT, html

    # Columns have neutral names, since great_tables uses them in ids. Texts are HTML already and go through `html` or
    # `fmt`, so that they are neither escaped again nor read as Markdown.
    names = [f"c{number}" for number in range(len(columns))]
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
