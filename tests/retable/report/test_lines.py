import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from retable.report.lines import Line, LinePanel, draw_lines, tidy


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
    with Image.open(tmp_path / "a" / "lines.png") as picture:
        assert picture.size == (1500, 510)
    svg = (tmp_path / "a" / "lines.svg").read_text()
    assert all(f"line {at}" in svg for at in range(9))


def test_infinite_values_are_told_and_drawn_around(tmp_path: Path) -> None:
    line = Line.of(np.array([[1.0, math.inf], [2.0, 3.0]]))
    assert line.mean == (1.5, math.inf)
    assert math.isnan(line.half[1])
    endless = LinePanel("PSNR", "dB", "frame", range(2), {"a": line})
    assert "inf,nan,nan" in tidy([endless])
    draw_lines([endless], tmp_path / "lines")
