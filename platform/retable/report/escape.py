"""Text that means nothing but itself where a table ends up: a spreadsheet, a Markdown page, a terminal.

Labels and notes come from study files, CSVs and error messages. Numbers are never touched, nor is what a typed format
(Parquet) holds.
"""

import re

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What makes a spreadsheet compute a text cell (OWASP, "CSV injection"), with the full-width forms."""

_MARKS = re.compile(r"[\\`*_\[\]|~$]")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def csv_text(text: str) -> str:
    """The text on one line, with an apostrophe before it if a spreadsheet would take it for a formula.

    One line, because a bare carriage return ends a record without being quoted; OWASP's tab and return in front of a
    formula go with it.
    """
    text = plain_text(text)
    return f"'{text}" if text.startswith(FORMULA) else text


def markdown_text(text: str) -> str:
    """The text on one line, with Markdown's marks and HTML's written out."""
    text = _MARKS.sub(r"\\\g<0>", plain_text(text))
    return re.sub("[&<>]", lambda found: _HTML[found[0]], text)


def plain_text(text: str) -> str:
    """The text on one line, without control characters (a terminal obeys them) or ones that can't be seen."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
