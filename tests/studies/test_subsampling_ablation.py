import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from retable.planning.plan import make_plan
from retable.study.published import NOT_CONDITIONS
from retable.study.table import Cell
from retable.trial.trial import Trial
from studies.subsampling_ablation import AT_4, BASE, BASELINES, NINE, STUDY, TABLES, TEN, batch, naive
from trainables.video_gan.config import VideoGANConfig

NUMBERS = ("2", "3", "4", "5", "6", "9", "10", "11", "12")
ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "published" / "tganv2.csv"

with Path(str(STUDY.published)).open(newline="", encoding="utf-8") as file:
    LINES = [line for line in csv.DictReader(file) if line["table"] in NUMBERS]


def cells(scale: str = "paper") -> list[Cell[VideoGANConfig]]:
    return [cell for table in TABLES for cell in STUDY.cells(table, STUDY.scales[scale])]


def signature(config: VideoGANConfig | None, seed: int = 0) -> str:
    assert config is not None
    return Trial(config, seed, "0123456789abcdef").signature


def claims(cell: Cell[VideoGANConfig], line: Mapping[str, str]) -> bool:
    """Whether a line of the CSV is about a cell, worked out without retable's own lookup."""
    if (cell.table, cell.metric) != (line["table"], line["metric"]):
        return False
    if cell.config is None:
        return cell.row == line["model"]
    names = (cell.row, cell.column, "Our model" if "s_t = " in cell.row + cell.column else "")
    labels = cell.config.labels()
    conditions = {key: float(text) for key, text in line.items() if key not in NOT_CONDITIONS and text}
    return line["model"] in names and all(
        float(labels.get(key, 0)) == value for key, value in conditions.items()
    )


def test_the_tables_of_the_paper() -> None:
    assert tuple(table.number for table in TABLES) == NUMBERS
    shapes = {table.number: (len(table.rows), len(table.columns)) for table in TABLES}
    assert shapes == {
        "2": (10, 2),
        "3": (5, 2),
        "4": (5, 2),
        "5": (6, 3),
        "6": (6, 3),
        "9": (4, 2),
        "10": (4, 2),
        "11": (2, 3),
        "12": (2, 3),
    }


def test_every_published_line_is_claimed_by_exactly_one_cell() -> None:
    counts = [sum(claims(cell, line) for cell in cells()) for line in LINES]
    assert [line for line, count in zip(LINES, counts, strict=True) if count != 1] == []


@pytest.mark.parametrize("scale", ["smoke", "toy", "paper"])
def test_every_cell_finds_its_published_number_at_any_scale(scale: str) -> None:
    at_paper = cells()
    for cell, before in zip(cells(scale), at_paper, strict=True):
        found = [line for line in LINES if claims(before, line)]
        if not found:
            assert cell.published is None
            assert cell.config is None  # the FID of other papers' models; every cell of ours has a line
            continue
        (line,) = found
        assert cell.published is not None
        assert cell.published.value == (float(line["value"]) if line["value"] else None)
        assert cell.published.std == (float(line["std"]) if line["std"] else None)
        assert cell.published.note == line["note"]
    assert sum(cell.published is not None for cell in cells(scale)) == len(LINES) == 99


def test_nine_tables_are_35_trials() -> None:
    plan = make_plan(STUDY, STUDY.scales["paper"], "0123456789abcdef")
    trained = Counter(planned.trial.config.trainable for planned in plan.trials)
    # Naive at 7 batch sizes, ours at 6 for either s_t, 4 with fewer layers; two baselines at 4 sizes and at 16 with S1
    # at either s_t.
    assert trained == {BASE.trainable: 7 + 6 * 2 + 4 + 2 * 6, "c3d": 1}
    assert (
        len(make_plan(STUDY, STUDY.scales["paper"], "0123456789abcdef", seeds=(0, 1, 2)).trials) == 35 * 3 + 1
    )


def test_table_3_trains_ours_as_table_5_does() -> None:
    by_place = {(cell.table, cell.row, cell.column): cell.config for cell in cells()}
    for s_t in ("2", "4"):
        in_3 = by_place["3", f"Our model (s_t = {s_t})", "IS"]
        in_5 = by_place["5", "batch 8", f"s_t = {s_t}"]
        assert signature(in_3) == signature(in_5)
    assert signature(by_place["2", "Naive implementation", "IS"]) == signature(
        by_place["5", "batch 4", "Naive impl."]
    )


def test_at_s_t_4_the_third_layer_has_nothing_left_to_do() -> None:
    assert signature(AT_4) == signature(replace(AT_4, S3=True))
    assert signature(TEN[1].config) != signature(TEN[2].config)  # but without S2 it has
    assert len({signature(row.config) for row in NINE}) == 4


def test_a_gpu_of_the_paper_held_so_many_clips() -> None:
    held = {
        (cell.row, cell.config.batch_size): cell.config.reference_batch
        for cell in cells()
        if cell.config is not None and cell.table in ("2", "3", "4")
    }
    assert held == {
        ("Single 3D discriminator only", 8): 2,  # four GPUs
        ("Single 3D discriminator only", 2): 2,
        ("Single 3D discriminator only", 32): 2,  # sixteen
        ("3D + 2D discriminators", 8): 2,
        ("3D + 2D discriminators", 2): 2,
        ("3D + 2D discriminators", 32): 2,
        ("Naive implementation", 4): 1,
        ("Naive implementation", 1): 1,
        ("Naive implementation", 32): 1,  # thirty-two
        ("Our model (s_t = 2)", 32): 8,
        ("Our model (s_t = 2)", 8): 8,
        ("Our model (s_t = 4)", 32): 8,
        ("Our model (s_t = 4)", 8): 8,
    }
    assert batch(BASE, 4).reference_batch == 4
    assert {row.config.lam for row in BASELINES if row.config} == {10.0}
    assert naive(BASE).lam == BASE.lam == 0.5


def test_default_smoke_cells() -> None:
    plan = make_plan(STUDY, STUDY.scales["smoke"], "0123456789abcdef")
    rows = [(cell.table, cell.row) for cell in plan.cells()]
    assert list(dict.fromkeys(rows)) == [
        ("9", "Naive impl."),
        ("9", "S1"),
        ("9", "S1+S2"),
        ("9", "Full"),
        ("5", "batch 4"),
        ("5", "batch 8"),
    ]
    assert len({planned.signature for planned in plan.trials if planned.cells}) == 10


MYPY = """[mypy]
mypy_path = platform:.
explicit_package_bases = True
follow_imports = silent
[mypy-torch.*,numpy.*,retable.trial.distributed,retable.run]
follow_imports = skip
"""


def test_mypy_catches_a_misspelt_field(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(MYPY, encoding="utf-8")
    row = tmp_path / "row.py"
    row.write_text(
        "from dataclasses import replace\n"
        "from studies.subsampling_ablation import BASE\n"
        "replace(BASE, s_t=4)\n"
        "replace(BASE, st=4)\n"
        "replace(BASE, s_t='four')\n"
        "from retable.study.designs import leave_one_out\n"
        "leave_one_out(BASE, {'S1': lambda config: replace(config, S1=False)})\n"
        "leave_one_out(BASE, {'S1': lambda config: replace(config, S_1=False)})\n",
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--cache-dir=/dev/null",
        f"--config-file={tmp_path / 'mypy.ini'}",
    ]
    found = subprocess.run(
        [*command, str(row)], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    ).stdout
    assert 'row.py:4: error: Unexpected keyword argument "st"' in found
    assert "row.py:5: error" in found
    assert 'row.py:8: error: Unexpected keyword argument "S_1"' in found
    assert found.count("error:") == 3, found


def test_the_copy_of_the_published_numbers() -> None:
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not there")
    assert Path(str(STUDY.published)).read_bytes() == SHARED.read_bytes()
