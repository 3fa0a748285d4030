"""Line plots with 95% intervals as PNG and SVG, and their numbers as CSV."""

import csv
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.special import stdtrit

from retable.report.plots.bars import COLOURS
from retable.report.plots.save import save_figure

LEVEL = 0.95
INSIDE, SHORT = 4, 30
"""Number of names, and length of a name, of a legend inside the axes; a larger legend is above all panels."""
ACROSS = 95
"""Characters in a line of text below a panel."""


@dataclass(frozen=True)
class Line:
    """Line of means over samples, with an interval around each.

    Attributes:
        mean: mean at each position on the x axis.
        half: half the width of the interval at each position.
        samples: number of samples.
    """

    mean: tuple[float, ...]
    half: tuple[float, ...]
    samples: int

    @classmethod
    def of(cls, values_NX: np.ndarray) -> "Line":
        """Line of the means, with Student's 95% interval t · s / √N of each (s has N - 1 degrees of freedom).

        Args:
            values_NX: (N, X), independent samples × positions.

        Raises:
            ValueError: there are fewer than two samples.
        """
        samples = len(values_NX)
        if samples < 2:
            raise ValueError(f"an interval needs at least 2 samples, but got {samples}")
        mean = values_NX.mean(axis=0, dtype=np.float64)
        with np.errstate(invalid="ignore"):  # an infinite value has no interval
            error = values_NX.std(axis=0, ddof=1, dtype=np.float64) / math.sqrt(samples)
        half = stdtrit(samples - 1, (1 + LEVEL) / 2) * error
        return cls(tuple(mean.tolist()), tuple(half.tolist()), samples)


@dataclass(frozen=True)
class LinePanel:
    """Panel of a line plot.

    Attributes:
        unit: unit of the values, beside the axis.
        along: label of the x axis.
        x: positions on the x axis, whole numbers.
        lines: name in the legend -> line.
    """

    title: str
    unit: str
    along: str
    x: Sequence[int]
    lines: Mapping[str, Line]


def draw_lines(panels: Sequence[LinePanel], path: Path, below: str = "") -> tuple[Path, Path]:
    """Draw the panels side by side, to `path`.png and `path`.svg. Equal panels give equal files.

    Args:
        below: text below the panels.

    Raises:
        OSError: the folder cannot be written.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colours = dict(zip(names, cycle(COLOURS), strict=False))
    text = textwrap.fill(below, ACROSS * len(panels))
    outside = len(names) > INSIDE or any(len(name) > SHORT for name in names)
    height = 3.4 + 0.13 * text.count("\n") + (0.2 * len(names) if outside else 0)
    figure = Figure(figsize=(5 * len(panels), height), layout="constrained")
    if below:
        figure.supxlabel(text, fontsize=7)
    for panel, axis in zip(panels, figure.subplots(1, len(panels), squeeze=False).flat, strict=True):
        for name, line in panel.lines.items():
            mean, half, colour = np.array(line.mean), np.array(line.half), colours[name]
            axis.plot(panel.x, mean, color=colour, marker=".", label=name)
            axis.fill_between(panel.x, mean - half, mean + half, color=colour, alpha=0.25, linewidth=0)
        axis.set_title(panel.title, fontsize=10)
        axis.set_xlabel(panel.along)
        axis.set_ylabel(panel.unit)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
        if len(panel.lines) > 1 and not outside:
            axis.legend(frameon=False, fontsize=9)
    if outside:
        handles = {handle.get_label(): handle for axis in figure.axes for handle in axis.get_lines()}
        figure.legend(handles=list(handles.values()), loc="outside upper left", frameon=False, fontsize=8)
    return save_figure(figure, path)


def tidy(panels: Sequence[LinePanel]) -> str:
    """Numbers of the panels as CSV, one row for each position of each line."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["quantity", "unit", "line", "along", "x", "mean", "low_95", "high_95", "samples"])
    for panel in panels:
        for name, line in panel.lines.items():
            for x, mean, half in zip(panel.x, line.mean, line.half, strict=True):
                position = [panel.title, panel.unit, name, panel.along, x]
                table.writerow([*position, mean, mean - half, mean + half, line.samples])
    return text.getvalue()
