"""Text that means nothing but itself where a table ends up: a spreadsheet, a Markdown page, a paper, a terminal.

Labels and notes come from study files, CSVs and error messages. Numbers are never touched, nor is what a typed format
(Parquet) holds.
"""

import re

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What makes a spreadsheet compute a text cell (OWASP, "CSV injection"), with the full-width forms."""

_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?")
_MARKS = re.compile(r"[\\`*_\[\]|~$]")
_LATEX = {
    **{mark: f"\\{mark}" for mark in "{}$&#_%"},
    **{mark: f"{{{mark}}}" for mark in "[]*"},  # which a line's end would take for its option
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"\ensuremath{\pm}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "−": r"\ensuremath{-}",
    "λ": r"\ensuremath{\lambda}",
    "τ": r"\ensuremath{\tau}",
}
_LATIN = re.compile("[À-ÖØ-öø-ÿ]")  # letters that every encoding of a document's font has
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def csv_text(text: str) -> str:
    """The text on one line, with an apostrophe before it if a spreadsheet would take it for a formula.

    One line, because a bare carriage return ends a record without being quoted; OWASP's tab and return in front of a
    formula go with it. A plain negative number stays one.
    """
    text = plain_text(text)
    return f"'{text}" if text.startswith(FORMULA) and not _NEGATIVE.fullmatch(text) else text


def markdown_text(text: str) -> str:
    """The text on one line, with Markdown's marks and HTML's written out."""
    text = _MARKS.sub(r"\\\g<0>", plain_text(text))
    return re.sub("[&<>]", lambda found: _HTML[found[0]], text)


def latex_text(text: str) -> str:
    """The text on one line for any LaTeX engine; a character that pdfTeX has none for is told by its code point."""
    return "".join(map(_latex, plain_text(text))).replace("--", "-{}-")  # which would be a dash


def _latex(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    known = character.isascii() or _LATIN.match(character)
    return character if known else f"{{[}}U+{ord(character):04X}{{]}}"


def plain_text(text: str) -> str:
    """The text on one line, without control characters (a terminal obeys them) or ones that can't be seen."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
