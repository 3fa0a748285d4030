"""Tables that compare trials at equal iterations and at equal training time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from retable.metrics.protocol import higher_is_better, in_print
from retable.planning.plan import Plan
from retable.report.results.cells import FilledCell
from retable.report.results.curves import Curve, Group, Snapshot, groups
from retable.report.results.load import Result
from retable.report.results.numbers import duration, measured
from retable.report.results.table import CellText, WideTable

MOMENTS = ("equal iterations", "equal time", "equal time, requirements included")
DTYPES = {
    "group": "string",
    "cell": "string",
    "seed": "Int64",
    "iteration": "Int64",
    "seconds": "Float64",
    "value": "Float64",
    "protocol": "string",
    "machine": "string",
    "compared_at": "string",
}


@dataclass(frozen=True)
class Moment:
    """Moment at which the trials of a group are compared.

    Attributes:
        chosen: seed -> snapshot of each trial, in the order of the group; None for a trial without a snapshot by then.
        why_not: reason why the snapshots may not be compared; empty if they may.
    """

    name: str
    chosen: Mapping[int, tuple[Snapshot | None, ...]]
    why_not: str = ""


def moments(group: Group) -> list[Moment]:
    """Moments of a group: the last common iteration, and the longest training time that all trials have reached.

    The score of a trial at a time is that of its last snapshot by then. Time is training time. The third moment adds
    the time of the trials that only one trial of the group requires.
    """
    iterations, times, whole = {}, {}, {}
    for seed, curves in group.curves.items():
        common = set.intersection(*({one.iteration for one in curve.snapshots} for curve in curves))
        iterations[seed] = tuple(curve.at(max(common)) if common else None for curve in curves)
        times[seed] = _by_time(curves, [0.0] * len(curves))
        own = [curve.own for curve in curves if curve.own is not None]
        whole[seed] = _by_time(curves, own) if len(own) == len(curves) else (None,) * len(curves)
    every = [curve for curves in group.curves.values() for curve in curves]
    protocols, machines = {curve.protocol for curve in every}, sorted({curve.machine for curve in every})
    mixed = "not comparable: snapshots of different protocols" if len(protocols) > 1 else ""
    apart = mixed or (f"not comparable: {' against '.join(machines)}" if len(machines) > 1 else "")
    found = [Moment(MOMENTS[0], iterations, mixed), Moment(MOMENTS[1], times, apart)]
    return [*found, Moment(MOMENTS[2], whole, apart)] if any(curve.own for curve in every) else found


def _by_time(curves: Sequence[Curve], head_starts: Sequence[float]) -> tuple[Snapshot | None, ...]:
    """Last snapshot of each trial by the time that all trials have reached, their head starts included."""
    ends = [start + curve.snapshots[-1].seconds for curve, start in zip(curves, head_starts, strict=True)]
    return tuple(curve.until(min(ends) - start) for curve, start in zip(curves, head_starts, strict=True))


def equal_time_tables(
    plan: Plan[Any], cells: Sequence[FilledCell[Any]], results: Mapping[str, Result]
) -> list[WideTable]:
    """Tables of the comparisons at equal time that the plan's study declares."""
    return [
        _table(plan, declared.table, declared.metric, groups(plan, declared, cells, results))
        for declared in plan.study.equal_times
        if declared.table in plan.tables
    ]


def _table(plan: Plan[Any], number: str, metric: str, found: Sequence[Group]) -> WideTable:
    labels = tuple(dict.fromkeys(label for group in found for label in group.labels))
    rows: dict[str, tuple[CellText, ...]] = {}
    lines: list[dict[str, object]] = []
    for group in found:
        at = moments(group) if group.curves else []
        if not at:
            blank = {label: CellText("not run") for label in group.labels}
            rows[group.label] = (*(blank.get(label, CellText()) for label in labels), CellText("not trained"))
        for moment in at:
            texts = dict(zip(group.labels, _texts(moment, group), strict=True))
            verdict = _verdict(moment, group, metric)
            rows[f"{group.label}, {moment.name}"] = (*(texts.get(one, CellText()) for one in labels), verdict)
        lines += _lines(group, at)
    return WideTable(
        number=f"{number}_equal_time",
        title=f"Table {number}, {in_print(metric)} at equal iterations and at equal training time [{plan.scale.name} scale]",
        columns=(*labels, "better"),
        rows=rows,
        notes=_notes(found),
        tidy=pd.DataFrame(lines, columns=list(DTYPES), dtype=object).astype(DTYPES),
    )


def _texts(moment: Moment, group: Group) -> list[CellText]:
    """Score of each trial with its iteration and training time, as means over the seeds."""
    texts = []
    for number in range(len(group.labels)):
        snapshots = [chosen[number] for chosen in moment.chosen.values()]
        there = [one for one in snapshots if one is not None]
        if len(there) < len(snapshots):
            texts.append(CellText("no snapshot by then"))
            continue
        notes = {curves[number].note for curves in group.curves.values()} - {""}
        iterations = ", ".join(f"{count:,}" for count in dict.fromkeys(one.iteration for one in there))
        when = f"iteration {iterations}, {duration(fmean(one.seconds for one in there))}"
        value = measured(fmean(one.value for one in there))
        texts.append(CellText(f"{value} [{'; '.join(sorted(notes))}]" if notes else value, when))
    return texts


def _verdict(moment: Moment, group: Group, metric: str) -> CellText:
    """Best trial on average, its margin over the second, and the number of seeds in which it is the best."""
    if moment.why_not:
        return CellText(moment.why_not)
    sign = 1 if higher_is_better(metric) else -1
    complete = [[s.value for s in chosen if s] for chosen in moment.chosen.values() if all(chosen)]
    if not complete:
        return CellText("not known")
    goodness = [sign * fmean(column) for column in zip(*complete, strict=True)]
    second, first = sorted(goodness)[-2:]
    if first == second:
        return CellText("equal")
    winner = goodness.index(first)
    seeds = sum(sign * values[winner] == max(sign * value for value in values) for values in complete)
    return CellText(
        group.labels[winner],
        f"by {measured(first - second)}",
        f"{seeds} of {len(complete)} seeds" if len(complete) > 1 else "with 1 seed",
    )


def _lines(group: Group, at: Sequence[Moment]) -> list[dict[str, object]]:
    return [
        {
            "group": group.label,
            "cell": curve.label,
            "seed": seed,
            "iteration": one.iteration,
            "seconds": one.seconds,
            "value": one.value,
            "protocol": curve.protocol,
            "machine": curve.machine,
            "compared_at": "; ".join(moment.name for moment in at if moment.chosen[seed][number] == one)
            or None,
        }
        for seed, curves in group.curves.items()
        for number, curve in enumerate(curves)
        for one in curve.snapshots
    ]


def _notes(found: Sequence[Group]) -> tuple[str, ...]:
    curves = [curve for group in found for trained in group.curves.values() for curve in trained]
    if not curves:
        return ("No seed has snapshots of all of them yet.",)
    machines = "; ".join(sorted({curve.machine for curve in curves}))
    own = max((curve.own or 0.0 for curve in curves), default=0.0)
    required = f" What only some of them require took up to {duration(own)}." if own else ""
    return (
        f"Time is that of training steps on {machines}, with whatever else ran there; evaluation is not in it.{required}",
        "At equal time each trial shows the last snapshot that it had when the first was at its end.",
        f"Snapshots are measured by {', '.join(sorted({curve.protocol for curve in curves}))}.",
    )
