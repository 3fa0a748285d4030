import io
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console

from retable.planning.plan import Plan
from retable.report.formats.console import print_tables
from retable.report.results.cells import filled_cells
from retable.report.results.load import Result
from retable.report.results.table import CellText
from retable.report.tables.wide import wide_tables
from retable.study.table import Column
from retable.trial.learner import Score

if TYPE_CHECKING:
    from tests.retable.report.conftest import Example, Recipe

GOLDEN = """\
Table 9. Layers enabled one by one [smoke scale]

          IS                              FID
 ──────────────────────────────────────────────────────────────────────
 Naive    1.93 ± 0.04                     812.3 ± 9.0
          paper 12.79 ± 0.10 [1]          paper 7822 ± 27
          not comparable: smoke data      not comparable: smoke data
 Full     99.00 ± 0.10 [collapsed at 7]   99.00 ± 0.10 [collapsed at 7]
          paper none [2]                  paper 3715 ± 19
                                          not comparable: smoke data
 Others   paper 8.31 ± 0.09

smoke scale on embedded data, training seed: 0.
Rows and columns have the paper's names; what was trained is smaller (params.* of the CSV file).
± is the standard deviation over evaluation repeats.
Scores are those of each trial's best snapshot, the one of highest IS.
Measured by fid2048x10_c3d-1a2b3c_acc0.983_bilinear112_r10-train_data-5d6e7f,
is2048x10_c3d-1a2b3c_acc0.983_bilinear112_s1_data-5d6e7f.
2 of 2 trials took 1.5 min together, 3.0 min counted for each worker.
[1] taken from table 5
[2] not measured by the paper
"""


def printed(plan: "Plan[Recipe]", results: dict[str, Result]) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=100)
    print_tables(wide_tables(plan, filled_cells(plan, results)), console)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def cells(
    example: "Example", scale: str, seeds: tuple[int, ...], results: dict[str, Result]
) -> list[CellText]:
    plan = example.plan(scale, seeds)
    (table,) = wide_tables(plan, filled_cells(plan, results, {"is": example.is_protocol}))
    return [cell for row in table.rows.values() for cell in row]


def test_golden(example: "Example") -> None:
    scores = {example.is_protocol: Score(1.93, 0.04, 10), example.fid_protocol: Score(812.3, 9.0, 10)}
    text = printed(example.plan(), example.done("Naive", scores) | example.collapsed("Full"))
    assert text == GOLDEN


def test_a_cell_on_one_line(example: "Example") -> None:
    scores = {example.is_protocol: Score(1.93, 0.04, 10)}
    texts = [str(cell) for cell in cells(example, "smoke", (0,), example.done("Naive", scores))]
    assert texts == [
        "1.93 ± 0.04 (paper 12.79 ± 0.10 [1]; not comparable: smoke data)",
        "no fid score (paper 7822 ± 27)",
        "not run (paper none [2])",
        "not run (paper 3715 ± 19)",
        "paper 8.31 ± 0.09",
        "",
    ]


def test_seeds_and_the_difference(example: "Example") -> None:
    results = example.done("Naive", {example.is_protocol: Score(14.0, 0.3, 10)})
    results |= example.done("Naive", {example.is_protocol: Score(15.0, 0.3, 10)}, seed=1)
    cell = cells(example, "paper", (0, 1, 2), results)[0]
    assert cell.ours == "14.50 ± 0.30, seeds ± 0.71 [2 done, 1 not run]"
    assert cell.difference == "difference +1.71"


def test_the_spread_of_kid_is_over_its_subsets(example: "Example") -> None:
    protocol = "kid2048x3_cnn-1a2b3c_acc0.983_bicubicaa32_b100of480_r1-train_data-5d6e7f"
    repeats, subsets = "over evaluation repeats.", "over all subsets of samples that it is the mean of."

    def notes(metric: str, name: str) -> str:
        rows = tuple(replace(row, model="") for row in example.table.rows[:2])
        table = replace(example.table, rows=rows, columns=(Column("scores", metric),))
        plan = replace(example.plan(), study=replace(example.study, tables=(table,), published=None))
        return printed(plan, example.done("Naive", {name: Score(15.51, 4.66, 300)}))

    assert f"KID's ± is the standard deviation {subsets}" in notes("kid", protocol)
    assert repeats not in notes("kid", protocol)
    assert repeats in notes("is", example.is_protocol)
    assert subsets not in notes("is", example.is_protocol)


def test_protocols_that_differ_stand_side_by_side(example: "Example") -> None:
    other = example.is_protocol.replace("1a2b3c", "ffffff")
    results = example.done("Naive", {example.is_protocol: Score(14.0)})
    results |= example.done("Naive", {other: Score(15.0)}, seed=1)
    cell = cells(example, "paper", (0, 1), results)[0]
    assert cell.ours == f"14.00 by {example.is_protocol} and 15.00 by {other}"
    assert cell.difference == "protocols differ between seeds: not averaged"


def test_what_is_printed_can_neither_style_nor_steer_the_terminal(example: "Example") -> None:
    row = replace(example.table.rows[0], label="\x1b[2J[red]Naive[/red]\u202e", model="Naive")
    table = replace(example.table, rows=(row,))
    plan = replace(example.plan(), study=replace(example.study, tables=(table,)))
    text = printed(plan, {})
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[2J[red]Naive[/red]" in text


def test_before_anything_has_run(example: "Example") -> None:
    text = printed(example.plan("paper", (0, 1)), {})
    assert "None of 4 trials has finished." in text
    assert "paper scale on ucf101 data, training seeds: 0, 1." in text
    assert "Measured by" not in text
    assert "smaller" not in text
