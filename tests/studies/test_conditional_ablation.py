import csv
from dataclasses import replace
from pathlib import Path

import pytest

from retable.planning.plan import make_plan
from retable.study.table import Cell
from studies.conditional_ablation import STUDY
from studies.subsampling_ablation import STUDY as SUBSAMPLING
from trainables.video_gan.config import VideoGANConfig

with Path(str(STUDY.published)).open(newline="", encoding="utf-8") as file:
    LINES = [line for line in csv.DictReader(file) if line["table"] in ("7", "8")]
DATA = "0123456789abcdef"
SIZES = ("16", "32", "64")
STRIDES = ("2", "4")


def cells(scale: str) -> list[Cell[VideoGANConfig]]:
    return [cell for table in STUDY.tables for cell in STUDY.cells(table, STUDY.scales[scale])]


def published(cell: Cell[VideoGANConfig]) -> dict[str, str]:
    """A cell's line of the CSV, found by what the cell's place in the table says."""
    size, s_t, told = cell.row.split()[1], cell.column[6], str(int(cell.column.endswith("conditional")))
    place = (cell.table, size, s_t, told)
    keys = ("table", "batch_size", "s_t", "conditional")
    (line,) = (line for line in LINES if tuple(line[key] for key in keys) == place)
    return line


@pytest.mark.parametrize("scale", ["smoke", "toy", "paper"])
def test_every_cell_has_the_papers_number_and_no_number_is_left_over(scale: str) -> None:
    found = cells(scale)
    lines = [published(cell) for cell in found]
    assert len({tuple(line.items()) for line in lines}) == len(LINES) == 24
    for cell, line in zip(found, lines, strict=True):
        assert cell.metric == line["metric"]
        assert cell.published is not None
        assert (cell.published.value, cell.published.std) == (float(line["value"]), float(line["std"]))


def test_the_numbers_that_a_reader_would_look_up() -> None:
    by_place = {(cell.table, cell.row, cell.column): cell.published for cell in cells("paper")}
    for place, value in (
        (("7", "batch 64", "s_t = 2, conditional"), 54.93),
        (("7", "batch 16", "s_t = 4, pure"), 22.69),
        (("8", "batch 32", "s_t = 4, conditional"), 3186),
    ):
        number = by_place[place]
        assert number is not None
        assert number.value == value


def test_a_column_changes_what_it_says() -> None:
    for cell in cells("paper"):
        assert cell.config is not None
        assert f"batch {cell.config.batch_size}" == cell.row
        told = "conditional" if cell.config.conditional else "pure"
        assert f"s_t = {cell.config.s_t}, {told}" == cell.column
        assert (cell.config.classes, cell.config.reference_batch, cell.config.lam) == (101, 8, 0.5)


@pytest.mark.parametrize(("scale", "trials"), [("smoke", 4), ("toy", 4), ("paper", 12)])
def test_pure_models_are_the_subsampling_studys_trials(scale: str, trials: int) -> None:
    ours = make_plan(STUDY, STUDY.scales[scale], DATA)
    every = tuple(table.number for table in SUBSAMPLING.tables)
    theirs = make_plan(SUBSAMPLING, SUBSAMPLING.scales[scale], DATA, tables=every)
    known = {planned.signature for planned in theirs.trials}
    gans = [
        (config, p.signature) for p in ours.trials if isinstance(config := p.trial.config, VideoGANConfig)
    ]
    assert len(gans) == trials
    assert all((signature in known) is not config.conditional for config, signature in gans)
    untold = {replace(config, conditional=False).canonical() for config, _ in gans if config.conditional}
    assert untold == {config for config, _ in gans if not config.conditional}  # nothing else differs
