"""Trade-off between two metrics: the four points of a truncation curve in BigGAN's Table 2, and the curve as a plot."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from retable.planning.plan import Plan
from retable.report.plots.bars import COLOURS
from retable.report.plots.save import save_figure
from retable.report.results.cells import FilledCell
from retable.report.results.table import CellText, WideTable
from retable.study.comparisons import Tradeoff
from retable.trial.config import C

POINTS = ("no truncation", "lowest {low}", "{low} where {high} equals real data's", "highest {high}")
NEVER = "never reached"


@dataclass(frozen=True)
class Point:
    """Point of the curve.

    Attributes:
        along: value of the parameter, such as τ; infinite without truncation if no number stands for that.
        low: value of the metric where less is better.
        high: value of the metric where more is better.
    """

    along: float
    low: float
    high: float


def four_points(curve: Iterable[Point], real: float | None) -> tuple[Point | None, ...]:
    """Points without truncation, with the lowest `low`, with the `high` of real data, and with the highest `high`.

    The third is interpolated linearly between its two neighbours on the curve; if there are several, it is the one with
    the lowest `low`. It is None if the curve does not reach the `high` of real data, or if that is not known.
    """
    points = sorted(curve, key=lambda point: point.along)
    if not points:
        return (None,) * len(POINTS)
    crossings = [] if real is None else list(_crossings(points, real))
    return (
        points[-1],
        min(points, key=lambda point: point.low),
        min(crossings, key=lambda point: point.low, default=None),
        max(points, key=lambda point: point.high),
    )


def _crossings(points: Sequence[Point], real: float) -> Iterable[Point]:
    yield from (point for point in points if point.high == real)
    for one, other in pairwise(points):
        if min(one.high, other.high) < real < max(one.high, other.high):
            share = (real - one.high) / (other.high - one.high)
            low = one.low + share * (other.low - one.low)
            yield Point(_between(one.along, other.along, share), low, real)


def _between(one: float, other: float, share: float) -> float:
    """Linear interpolation between two values; of their inverses if the second is infinite."""
    return one / (1 - share) if math.isinf(other) else one + share * (other - one)


def tradeoff_tables(plan: Plan[C], cells: Sequence[FilledCell[C]]) -> list[WideTable]:
    """Tables of the four points, one for each trade-off that the plan's study declares."""
    return [
        _table(plan, tradeoff, *_curve(tradeoff, cells))
        for tradeoff in plan.study.tradeoffs
        if tradeoff.table in plan.tables
    ]


def draw_tradeoffs(plan: Plan[C], cells: Sequence[FilledCell[C]], folder: Path) -> list[Path]:
    """Draw the curves with at least two points, as PNG and SVG."""
    written: list[Path] = []
    for tradeoff in plan.study.tradeoffs:
        points, real = _curve(tradeoff, cells)
        if len(points) > 1:
            written += _draw(tradeoff, sorted(points, key=lambda p: p.along), real, plan.scale.name, folder)
    return written


def _curve(tradeoff: Tradeoff, cells: Sequence[FilledCell[C]]) -> tuple[list[Point], float | None]:
    """Points with results, and the value of real data in the metric where more is better."""
    values: dict[str, dict[str, float]] = {}
    along: dict[str, float] = {}
    for one in cells:
        if one.cell.table != tradeoff.table or one.cell.config is None or len(one.summaries) != 1:
            continue
        (summary,) = one.summaries.values()
        values.setdefault(one.cell.row, {})[one.cell.metric] = summary.value
        label = one.cell.config.labels().get(tradeoff.along)
        if isinstance(label, int | float):
            along[one.cell.row] = label
        elif one.cell.row == tradeoff.whole:
            along[one.cell.row] = math.inf
    points = [
        Point(at, values[row][tradeoff.better_low], values[row][tradeoff.better_high])
        for row, at in along.items()
        if {tradeoff.better_low, tradeoff.better_high} <= values[row].keys()
    ]
    return points, values.get(tradeoff.real, {}).get(tradeoff.better_high)


def _table(plan: Plan[C], tradeoff: Tradeoff, points: Sequence[Point], real: float | None) -> WideTable:
    low, high = tradeoff.better_low.upper(), tradeoff.better_high.upper()
    names = [name.format(low=low, high=high) for name in POINTS]
    found = four_points(points, real)
    rows: Mapping[str, tuple[CellText, ...]] = {
        name: _texts(point, len(points)) for name, point in zip(names, found, strict=True)
    }
    columns = (tradeoff.along, tradeoff.better_low, tradeoff.better_high)
    lines = [(name, *_numbers(point)) for name, point in zip(names, found, strict=True)]
    tidy = pd.DataFrame(lines, columns=["point", *columns], dtype=object)
    return WideTable(
        number=f"{tradeoff.table}_points",
        title=f"Table {tradeoff.table}, four points of the curve along {tradeoff.along} [{plan.scale.name} scale]",
        columns=(tradeoff.along, low, high),
        rows=rows,
        notes=(
            f"{len(points)} points; {high} of real held-out data: {'not known' if real is None else f'{real:.2f}'}.",
            f"{names[2]} is interpolated linearly between neighbours (BigGAN, Table 2).",
        ),
        tidy=tidy.astype({"point": "string", **dict.fromkeys(columns, "Float64")}),
    )


def _texts(point: Point | None, points: int) -> tuple[CellText, ...]:
    if point is None:
        return (CellText(NEVER if points else "not run"), CellText(), CellText())
    return CellText(_along_text(point)), CellText(f"{point.low:.4g}"), CellText(f"{point.high:.4g}")


def _along_text(point: Point) -> str:
    return "none" if math.isinf(point.along) else f"{point.along:.3g}"


def _numbers(point: Point | None) -> tuple[float | None, ...]:
    return (None, None, None) if point is None else (point.along, point.low, point.high)


def _draw(
    tradeoff: Tradeoff, points: Sequence[Point], real: float | None, scale: str, folder: Path
) -> tuple[Path, Path]:
    figure = Figure(figsize=(5.5, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.plot([p.high for p in points], [p.low for p in points], marker="o", markersize=4, color=COLOURS[0])
    for point in points:
        axis.annotate(
            _along_text(point), (point.high, point.low), textcoords="offset points", xytext=(4, 4), fontsize=7
        )
    if real is not None:
        axis.axvline(real, color=COLOURS[1], linewidth=1, linestyle="--", label="real held-out data")
        axis.legend(frameon=False, fontsize=8)
    axis.set_xlabel(tradeoff.better_high.upper())
    axis.set_ylabel(tradeoff.better_low.upper())
    axis.set_title(f"along {tradeoff.along} [{scale} scale]", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    return save_figure(figure, folder / f"table_{tradeoff.table}_curve")
