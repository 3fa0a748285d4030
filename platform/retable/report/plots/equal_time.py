"""Plots of a metric over training time, for trials that are compared at equal time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from retable.metrics.protocol import in_print
from retable.planning.plan import Plan
from retable.report.plots.bars import COLOURS
from retable.report.plots.save import save_figure
from retable.report.results.cells import FilledCell
from retable.report.results.curves import Group, groups
from retable.report.results.load import Result


def draw_equal_times(
    plan: Plan[Any], cells: Sequence[FilledCell[Any]], results: Mapping[str, Result], folder: Path
) -> list[Path]:
    """Draw the metric over training time as PNG and SVG, one panel for each group with curves."""
    written: list[Path] = []
    for declared in plan.study.equal_times:
        drawn = [group for group in groups(plan, declared, cells, results) if group.curves]
        if declared.table in plan.tables and drawn:
            written += _draw(
                drawn, declared.metric, plan.scale.name, folder / f"table_{declared.table}_seconds"
            )
    return written


def _draw(found: Sequence[Group], metric: str, scale: str, path: Path) -> tuple[Path, Path]:
    figure = Figure(figsize=(4.6 * len(found), 3.6), layout="constrained")
    every = [curve for group in found for curves in group.curves.values() for curve in curves]
    unit, seconds = _unit(max(curve.snapshots[-1].seconds for curve in every))
    for group, axis in zip(found, figure.subplots(1, len(found), squeeze=False).flat, strict=True):
        for curves in group.curves.values():
            for number, curve in enumerate(curves):
                axis.plot(
                    [one.seconds / seconds for one in curve.snapshots],
                    [one.value for one in curve.snapshots],
                    color=COLOURS[number % len(COLOURS)],
                    marker=".",
                    label=curve.label,
                )
            axis.axvline(
                min(curve.snapshots[-1].seconds for curve in curves) / seconds,
                color="grey",
                linestyle="--",
                linewidth=1,
            )
        axis.set_title(f"{group.label} [{scale} scale]", fontsize=10)
        machines = sorted({curve.machine for curves in group.curves.values() for curve in curves})
        axis.set_xlabel(f"training time, {unit} ({'; '.join(machines)})")
        axis.set_ylabel(in_print(metric))
        axis.spines[["top", "right"]].set_visible(False)
        handles, names = axis.get_legend_handles_labels()
        unique = dict(zip(names, handles, strict=True))
        axis.legend(unique.values(), unique.keys(), frameon=False, fontsize=9)
    return save_figure(figure, path)


def _unit(longest: float) -> tuple[str, int]:
    """Unit for a duration of that many seconds, and the unit's seconds."""
    return ("s", 1) if longest < 600 else ("min", 60) if longest < 36_000 else ("h", 3_600)
