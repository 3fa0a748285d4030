import csv
import io
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from retable.report.formats.escape import FORMULA, csv_text, markdown_text, plain_text
from retable.report.formats.export import export, to_csv, to_markdown
from retable.report.results.cells import filled_cells
from retable.report.results.table import CellText, WideTable
from retable.report.tables.wide import wide_tables
from retable.trial.learner import Score

if TYPE_CHECKING:
    from tests.retable.report.conftest import Example

PAYLOADS = [
    *(
        prefix + formula
        for prefix, formula in product(
            (*FORMULA, "\t=", "\r=", "\n=", " ="),
            ("cmd|' /C calc'!A0", 'HYPERLINK("http://x","y")', "1+1", "SUM(A1)"),
        )
    ),
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](javascript:alert(1))",
    "[x](javascript:alert(1))",
    "a | b",
    "a \\| b",
    "`code` **bold** _em_ ~~gone~~",
    "&lt;b&gt;",
    "line\n| --- |\n<b>x</b>",
    "<https://x.example>",
]


def table(example: "Example") -> WideTable:
    plan = example.plan()
    results = example.done("Naive", {example.is_protocol: Score(-1.93, 0.04, 10)})
    return wide_tables(plan, filled_cells(plan, results))[0]


def hostile(payload: str, tidy: pd.DataFrame) -> WideTable:
    cell = CellText(payload)
    return WideTable("9", payload, (payload,), {payload: (cell,)}, (payload,), tidy)


def test_files(example: "Example", tmp_path: Path) -> None:
    written = export([table(example)], tmp_path / "tables")
    assert sorted(path.name for path in written) == [
        "table_9.csv",
        "table_9.html",
        "table_9.md",
        "table_9.parquet",
        "table_9.tex",
        "table_9_cells.tex",
        "table_9_wide.csv",
        "table_9_wide.parquet",
    ]
    assert sorted(written) == sorted((tmp_path / "tables").iterdir())  # and nothing temporary


def test_parquet_keeps_values_and_types(example: "Example", tmp_path: Path) -> None:
    one = table(example)
    export([one], tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table_9.parquet"), one.tidy)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table_9_wide.parquet"), one.frame())


def test_csv_leaves_numbers_alone(example: "Example", tmp_path: Path) -> None:
    one = table(example)
    export([one], tmp_path)
    back = pd.read_csv(tmp_path / "table_9.csv", dtype={"table": str})
    assert back["value"].dropna().tolist() == [-1.93]  # negative, and still a number
    assert back["published"].dropna().tolist() == one.tidy["published"].dropna().tolist()
    assert back["state"].tolist() == one.tidy["state"].tolist()


def test_exporting_again_gives_the_same_bytes(example: "Example", tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in export([table(example)], tmp_path)}
    assert {path.name: path.read_bytes() for path in export([table(example)], tmp_path)} == first


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_of_a_csv_is_a_formula(payload: str) -> None:
    frame = pd.DataFrame({payload: pd.array([payload, None], dtype="string"), "n": [-1, 2]})
    header, first, second = csv.reader(io.StringIO(to_csv(frame), newline=""))
    assert not any(cell.lstrip().startswith(FORMULA) for cell in (header[0], first[0], second[0]))
    assert first[0].removeprefix("'") == plain_text(payload)
    assert [first[1], second[1]] == ["-1", "2"]


@given(st.text())
def test_any_text_comes_back_without_its_apostrophe(text: str) -> None:
    escaped = csv_text(text)
    assert not escaped.startswith(FORMULA) or float(escaped) <= 0  # a number is no formula
    assert escaped in (plain_text(text), f"'{plain_text(text)}")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_shows_the_text_and_nothing_else(payload: str, example: "Example") -> None:
    source = to_markdown(hostile(payload, table(example).tidy))
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    inline = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "strong_open", "strong_close"}
    shown = [
        "".join(child.content for child in token.children or ()) for token in tokens if token.type == "inline"
    ]
    plain = plain_text(payload)
    assert [text for text in shown if text] == [plain] * 5  # title, column, row, cell, note
    assert sum(token.type == "tr_open" for token in tokens) == 2


def test_markdown_of_a_table(example: "Example") -> None:
    lines = to_markdown(table(example)).splitlines()
    assert lines[0] == "**Table 9. Layers enabled one by one \\[smoke scale\\]**"
    assert lines[2:4] == ["|  | IS | FID |", "| --- | --- | --- |"]
    naive = "-1.93 ± 0.04 (paper 12.79 ± 0.10 \\[1\\]; not comparable: smoke data)"
    assert lines[4] == f"| Naive | {naive} | no fid score (paper 7822 ± 27) |"


def test_markdown_underscores_survive() -> None:
    assert markdown_text("s_t = 4") == "s\\_t = 4"


def test_a_failed_export_leaves_the_old_file(example: "Example", tmp_path: Path) -> None:
    one = table(example)
    export([one], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("table_*")}
    broken = replace(
        one, tidy=one.tidy.assign(odd=["text", 1, 2.0, 3, 4, b"bytes"])
    )  # Arrow has no such column
    with pytest.raises(pa.ArrowTypeError):
        export([broken], tmp_path)
    assert (tmp_path / "table_9.parquet").read_bytes() == before["table_9.parquet"]
    assert not list(tmp_path.glob(".table_*"))
