"""Escaping of text for spreadsheets, Markdown, LaTeX and terminals.

Labels and notes come from study files, CSVs and error messages. Numbers and typed formats (Parquet) are not escaped.
"""

import re

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""First characters of a text that a spreadsheet reads as a formula (OWASP, "CSV injection"), with full-width forms."""

_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?")
_MARKS = re.compile(r"[\\`*_\[\]|~$]")
_LATEX = {
    **{mark: f"\\{mark}" for mark in "{}$&#_%"},
    **{mark: f"{{{mark}}}" for mark in "[]*"},  # else the end of a line would read them as its option
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
_LATIN = re.compile("[À-ÖØ-öø-ÿ]")  # letters that every font encoding of LaTeX has
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def csv_text(text: str) -> str:
    """Text on one line for CSV, with an apostrophe before it if a spreadsheet would read it as a formula.

    It is on one line since a bare carriage return ends a record without being quoted; this also removes a tab or return
    before a formula (OWASP). A negative number stays a number.
    """
    text = plain_text(text)
    return f"'{text}" if text.startswith(FORMULA) and not _NEGATIVE.fullmatch(text) else text


def markdown_text(text: str) -> str:
    """Text on one line for Markdown, with the marks of Markdown and HTML escaped."""
    text = _MARKS.sub(r"\\\g<0>", plain_text(text))
    return re.sub("[&<>]", lambda found: _HTML[found[0]], text)


def latex_text(text: str) -> str:
    """Text on one line for any LaTeX engine; a character that pdfTeX lacks is replaced by its code point."""
    return "".join(map(_latex, plain_text(text))).replace("--", "-{}-")  # else LaTeX makes a dash of it


def _latex(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    known = character.isascii() or _LATIN.match(character)
    return character if known else f"{{[}}U+{ord(character):04X}{{]}}"


def plain_text(text: str) -> str:
    """Text on one line, with spaces in place of control characters, which a terminal obeys, and of invisible ones."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
