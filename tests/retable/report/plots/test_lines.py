import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from retable.report.plots.lines import Line, LinePanel, draw_lines, tidy


def panel(lines: int = 2) -> LinePanel:
    values = np.random.default_rng(0).normal(size=(lines, 10, 4))
    named = {f"line {at}": Line.of(values_NX) for at, values_NX in enumerate(values)}
    return LinePanel("PSNR", "dB", "frame", range(1, 5), named)


def test_the_interval_is_students() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=(12, 3))
    line = Line.of(values)
    for at in range(3):
        sample = values[:, at]
        low, high = stats.t.interval(0.95, 11, loc=sample.mean(), scale=stats.sem(sample))
        assert line.mean[at] - line.half[at] == pytest.approx(low)
        assert line.mean[at] + line.half[at] == pytest.approx(high)
    assert line.samples == 12


def test_one_sample_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2 samples, but got 1"):
        Line.of(np.zeros((1, 3)))


def test_the_numbers_can_be_read_back() -> None:
    rows = list(csv.DictReader(io.StringIO(tidy([panel()]))))
    assert len(rows) == 8
    line = panel().lines["line 1"]
    last = rows[-1]
    assert (last["quantity"], last["unit"], last["line"], last["x"]) == ("PSNR", "dB", "line 1", "4")
    assert float(last["mean"]) == line.mean[3]
    assert float(last["high_95"]) == line.mean[3] + line.half[3]


def test_the_same_lines_are_drawn_as_the_same_files(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in draw_lines([panel(), panel(9)], tmp_path / "a" / "lines")]
    second = [path.read_bytes() for path in draw_lines([panel(), panel(9)], tmp_path / "b" / "lines")]
    assert first == second
    svg = (tmp_path / "a" / "lines.svg").read_text()
    assert all(f"line {at}" in svg for at in range(9))


def test_a_legend_too_large_for_the_axes_stands_above_them(tmp_path: Path) -> None:
    def drawn(name: str, *panels: LinePanel, below: str = "") -> tuple[tuple[int, int], str]:
        draw_lines(panels, tmp_path / name, below)
        with Image.open(tmp_path / f"{name}.png") as picture:
            return picture.size, (tmp_path / f"{name}.svg").read_text()

    size, svg = drawn("few", panel(), panel(3))
    assert size == (1500, 510)
    assert svg.count(">line 0<") == 2  # in either panel
    size, svg = drawn("many", panel(), panel(9))
    assert size == (1500, 780)
    assert svg.count(">line 0<") == 1
    line = panel().lines["line 0"]
    size, svg = drawn("long", LinePanel("", "", "", range(1, 5), {"a" * 31: line, "b": line}))
    assert size == (750, 570)
    size, svg = drawn("told", panel(), below="what this is " * 12)
    assert size[1] > 510
    assert "what this is what" in svg


def test_infinite_values_are_told_and_drawn_around(tmp_path: Path) -> None:
    line = Line.of(np.array([[1.0, math.inf], [2.0, 3.0]]))
    assert line.mean == (1.5, math.inf)
    assert math.isnan(line.half[1])
    endless = LinePanel("PSNR", "dB", "frame", range(2), {"a": line})
    assert "inf,nan,nan" in tidy([endless])
    draw_lines([endless], tmp_path / "lines")
