"""LaTeX and HTML: what they show, that hostile text shows as itself, and that they need nothing else."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retable.report.formats.escape import csv_text, latex_text
from retable.report.formats.export import export
from retable.report.formats.html import to_html
from retable.report.formats.latex import details_to_latex, to_latex
from retable.report.results.cells import filled_cells
from retable.report.results.table import CellText, WideTable
from retable.report.tables.details import HEADINGS, details
from retable.report.tables.wide import wide_tables
from retable.trial.learner import Score

if TYPE_CHECKING:
    from tests.retable.report.conftest import Example

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=//x.example/a.png onerror=alert(1)>",
    r"\input{/etc/passwd}",
    r"a & b \\ c % d # e _ f ^ g ~ h $ i { j } k",
    "*starred*",
    "[option] ?` !` -- --- `` ''",
    '|x| <y> "z" \\',
    "line\nbreak\tand\rtab",
    "{{units}} **bold** [x](javascript:alert(1))",
    "λ = 0.5 ± 0.1 · 2 × 3, é, 中",
]


def table(example: "Example") -> WideTable:
    plan = example.plan("paper", (0, 1))
    results = {}
    for seed in (0, 1):
        for signature, result in example.done(
            "Naive", {example.is_protocol: Score(14.0 + seed, 0.1, 10)}, seed
        ).items():
            results[signature] = replace(
                result,
                gpu_hours=12.3,
                peak_memory_mb=10_240.0,
                commit="a1b2c3d4e5f6" + "-dirty" * seed,
                mlflow_run=f"{seed}" * 32,
            )
    (one,) = wide_tables(plan, filled_cells(plan, results, {"is": example.is_protocol}))
    return one


def hostile(text: str, example: "Example") -> WideTable:
    own = table(example)
    cell = CellText(text, text, text)
    return replace(own, title=text, columns=(text, "b"), rows={text: (cell, CellText())}, notes=(text,))


def test_a_line_says_all_that_is_known_of_a_cell(example: "Example") -> None:
    frame = details(table(example).tidy)
    assert list(frame.columns) == [name for name in HEADINGS if name != "GFLOPs"]  # nobody counted them
    assert list(frame.iloc[0]) == [
        "Naive",
        "IS",
        "14.50 ± 0.10, seeds ± 0.71",
        "2",
        "12.79 ± 0.10 (An example, table 9; taken from table 5)",
        "+1.71",
        "24.60",
        "10,240 MiB",
        "00000000 11111111",
        "a1b2c3d4 a1b2c3d4-dirty",
    ]
    assert frame["value"].iloc[1] == "[no fid score]"


def test_a_reason_stands_in_the_place_of_a_difference_and_cpu_hours_are_no_gpu_hours(
    example: "Example",
) -> None:
    plan = example.plan()
    results = example.done("Naive", {example.is_protocol: Score(14.0, 0.1, 10)})
    (one,) = wide_tables(plan, filled_cells(plan, results))
    assert one.cells is not None
    assert one.cells["difference"].iloc[0] == "not comparable: smoke data"
    assert one.cells["GPU-hours"].iloc[0] == "none; CPU 0.03"
    assert one.tidy["gpu_hours"].isna().all()


def test_latex_of_a_table(example: "Example") -> None:
    source = to_latex(table(example))
    assert r"\label{tab:9}" in source
    rows = source[source.index(r"\midrule") : source.index(r"\bottomrule")].splitlines()[1:]
    assert rows[0] == r"Naive & 14.50 \ensuremath{\pm} 0.10, seeds \ensuremath{\pm} 0.71 & no fid score \\"
    assert rows[1].startswith(
        r" & {\footnotesize paper 12.79 \ensuremath{\pm} 0.10 {[}1{]}} & {\footnotesize paper"
    )
    assert rows[2] == r" & {\footnotesize difference +1.71} &  \\"
    assert rows[-1] == r"Others & paper 8.31 \ensuremath{\pm} 0.09 &  \\"


def parsed(source: str) -> list[str]:
    """Check a table's source as TeX would read it: groups, environments, cells of each row. Returns its commands."""
    body = "\n".join(line for line in source.splitlines() if not line.startswith("%"))
    tokens = re.findall(r"\\[a-zA-Z]+|\\.|[{}&$#_%^~\\]|[^\\{}&$#_%^~]+", body)
    assert "".join(tokens) == body
    depth = 0
    for token in tokens:
        depth += {"{": 1, "}": -1}.get(token, 0)
        assert depth >= 0
        assert token not in {"$", "#", "_", "%", "^", "~", "\\"}
    assert depth == 0
    assert re.findall(r"\\begin\{(\w+)\}", body) == ["table", "tabular"]
    assert re.findall(r"\\end\{(\w+)\}", body) == ["tabular", "table"]
    columns = len(re.findall(r"\\begin\{tabular\}\{(l+)\}", body)[0])
    for line in body[body.index(r"\toprule") : body.index(r"\bottomrule")].splitlines():
        if not line.endswith("rule"):
            assert line.endswith(r" \\")
            assert len(re.findall(r"(?<!\\)&", line)) == columns - 1
    return [token for token in tokens if re.fullmatch(r"\\[a-zA-Z]+", token)]


KNOWN = {
    *(
        "begin",
        "end",
        "centering",
        "caption",
        "label",
        "toprule",
        "midrule",
        "bottomrule",
        "par",
        "footnotesize",
    ),
    *("ensuremath", "pm", "times", "cdot", "lambda", "textbackslash", "textasciicircum", "textasciitilde"),
    *("textasciigrave", "textless", "textgreater", "textbar"),
}


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_runs_no_command_of_a_text(text: str, example: "Example") -> None:
    one = hostile(text, example)
    frame = details(one.tidy).assign(row=text)
    for source in (to_latex(one), details_to_latex(one, frame)):
        assert {command[1:] for command in parsed(source)} <= KNOWN


def test_latex_shows_characters_as_themselves_or_tells_their_code_point() -> None:
    assert latex_text("a--b") == "a-{}-b"
    assert latex_text("é中") == "é{[}U+4E2D{]}"
    assert latex_text("50 %_{x}") == r"50 \%\_\{x\}"


def test_a_latex_caption_begins_with_words_as_a_document_numbers_its_tables_itself(
    example: "Example",
) -> None:
    one = table(example)
    (caption,) = re.findall(r"\\caption\{(.*)\}", to_latex(one))
    assert not caption.startswith("Table")
    assert caption.endswith(f"(Table {one.number})")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_latex_compiles(example: "Example", tmp_path: Path) -> None:
    tables = [table(example), *(hostile(text, example) for text in HOSTILE)]
    for place, one in enumerate(tables):
        (tmp_path / f"t{place}.tex").write_text(to_latex(one), encoding="utf-8")
    inputs = "".join(rf"\input{{t{place}}}\clearpage" for place in range(len(tables)))
    document = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{inputs}\end{{document}}"
    (tmp_path / "all.tex").write_text(document)
    command = ["pdflatex", "-halt-on-error", "-no-shell-escape", "-interaction=nonstopmode", "all.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_the_text_and_loads_nothing(text: str, example: "Example") -> None:
    one = hostile(text, example)
    source = to_html(one, details(one.tidy).assign(row=text))
    page = Page(source)
    assert page.open == []
    assert not page.tags & {"script", "img", "link", "iframe", "object", "a"}
    assert not page.attributes & {"src", "href", "onerror", "onclick"}
    assert "@import" not in source
    assert "url(" not in source
    plain = "".join(character if character.isprintable() else " " for character in text).strip()
    # Title twice (the tab's and the table's), column, row, three parts of the cell, note, and the row of six cells.
    assert page.text.count(plain) == 8 + 6


def test_html_has_the_numbers(example: "Example") -> None:
    one = table(example)
    page = Page(to_html(one, one.cells))
    for shown in ("14.50 ± 0.10, seeds ± 0.71", "paper 12.79 ± 0.10 [1]", "difference +1.71", "10,240 MiB"):
        assert shown in page.text


def test_a_plain_negative_number_stays_one_in_csv() -> None:
    assert [csv_text(text) for text in ("-1.93", "-2e-05", "-1+1", "-1.93 ± 0.04", "+1")] == [
        "-1.93",
        "-2e-05",
        "'-1+1",
        "'-1.93 ± 0.04",
        "'+1",
    ]


def test_the_same_records_give_the_same_bytes_in_another_process(example: "Example", tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in export([table(example)], tmp_path / "a")}
    again = {path.name: path.read_bytes() for path in export([table(example)], tmp_path / "b")}
    assert first == again
    assert {Path(name).suffix for name in first} == {".csv", ".parquet", ".md", ".tex", ".html"}


def test_exporting_loads_no_torch_ray_or_mlflow() -> None:
    code = (
        "import sys, retable.report.formats.export, great_tables; "
        "sys.exit(bool({'torch', 'ray', 'mlflow'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
