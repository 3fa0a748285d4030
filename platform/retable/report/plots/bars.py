"""Grouped bar plots as PNG and SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from retable.report.plots.save import save_figure

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
"""Paul Tol's bright scheme, which colour-blind readers can distinguish."""


@dataclass(frozen=True)
class Panel:
    """Panel of a bar plot.

    Attributes:
        unit: unit of the values, beside the axis.
        groups: names below the groups of bars.
        series: name in the legend -> value for each group.
    """

    title: str
    unit: str
    groups: tuple[str, ...]
    series: Mapping[str, Sequence[float]]


def draw_bars(panels: Sequence[Panel], path: Path) -> tuple[Path, Path]:
    """Draw the panels, two in a row, each bar with its value, to `path`.png and `path`.svg.

    The legend is that of the first panel. Equal panels give equal files.

    Raises:
        OSError: the folder cannot be written.
    """
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(10, 3.2 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False)
    for panel, axis in zip(panels, axes.flat, strict=False):
        width = 0.84 / len(panel.series)
        for at, (values, colour) in enumerate(zip(panel.series.values(), COLOURS, strict=False)):
            shift = (at - (len(panel.series) - 1) / 2) * width
            centres = [group + shift for group in range(len(panel.groups))]
            bars = axis.bar(centres, values, width, color=colour)
            axis.bar_label(bars, [_short(value) for value in values], fontsize=7, padding=1)
        axis.set_title(panel.title, fontsize=10)
        axis.set_ylabel(panel.unit)
        axis.set_xticks(range(len(panel.groups)), panel.groups)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(y=0.1)
    figure.legend(axes.flat[0].containers, list(panels[0].series), loc="outside upper center", ncols=6)
    return save_figure(figure, path)


def _short(value: float) -> str:
    """Text of a value with three digits, such as 851, 62.5 or 2.61."""
    return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f}"
