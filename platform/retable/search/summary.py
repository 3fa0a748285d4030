"""What a study's searches amount to so far: their cells, the plan with their points and winners, their reports."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table as Grid
from rich.text import Text

from retable.planning.plan import Plan, make_plan
from retable.search.cell import TunedCell
from retable.search.optuna import Reported, importances
from retable.search.report import FoundPoint, SearchReport
from retable.study.scale import Scale
from retable.study.search import Choice
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import C


def tunings(
    study: Study[C],
    scale: Scale[C],
    data: str,
    results: Path,
    *,
    tables: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[TunedCell[C]]:
    """The cells of the study's searches that are wanted, with what was asked so far.

    Args:
        data: content fingerprint of the data set.
        tables: numbers of tables and searches wanted; None for the scale's.
        seeds: training seeds; the first is that of every point.
    """
    wanted = dict(scale.tables) if tables is None else dict.fromkeys(tables)
    seed = (scale.seeds if seeds is None else seeds)[0]
    return [
        TunedCell(study.name, scale, search, cell, seed, data, results)
        for search in study.searches
        if search.number in wanted
        for cell in search.cells(wanted[search.number])
    ]


def search_plan(
    study: Study[C],
    scale: Scale[C],
    data: str,
    cells: Sequence[TunedCell[C]],
    *,
    tables: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    winners: bool = True,
) -> Plan[C]:
    """The plan with the points asked so far, and a table of the winners of each search.

    Args:
        winners: whether the winners so far are in it, at every seed, and the points sure to come. A run proposes them
            in their time.
    """
    wanted = dict(scale.tables) if tables is None else dict.fromkeys(tables)
    numbers = {search.number for search in study.searches}
    won = _winners(cells) if winners else ()
    static = {number: limit for number, limit in wanted.items() if number not in numbers}
    plan = make_plan(
        replace(study, tables=(*study.tables, *won)),
        replace(scale, tables=static | dict.fromkeys(table.number for table in won)),
        data,
        seeds=seeds,
    )
    known = {planned.signature: planned for planned in plan.trials}
    for tuning in cells:
        *required, _ = tuning.base
        known |= {planned.signature: planned for planned in required if planned.signature not in known}
        for asked in tuning.points:
            if winners or asked.pruned_at is None:
                for planned in tuning.planned(asked):
                    known.setdefault(planned.signature, planned)
        for planned in tuning.coming if winners else ():
            known.setdefault(planned.signature, planned)
    return replace(plan, trials=tuple(known.values()))


def _winners(cells: Sequence[TunedCell[C]]) -> tuple[Table[C], ...]:
    """A table of each search's winners that there are."""
    tables = []
    for search in dict.fromkeys(tuning.search.number for tuning in cells):
        rows = []
        mine = [tuning for tuning in cells if tuning.search.number == search]
        for tuning in mine:
            winner = tuning.winner(tuning.found())
            if winner is not None:
                values = ", ".join(f"{name} = {_short(value)}" for name, value in winner.asked.point.items())
                rows.append(Row(f"{tuning.cell.label} ({values})", tuning.config(winner.asked.point)))
        if rows:
            first, *_ = objectives = mine[0].search.objectives
            columns = tuple(Column[C](name.upper(), name) for name in objectives)
            caption = f"{mine[0].search.caption}: the best of each cell by {first.upper()}"
            tables.append(Table(search, caption, tuple(rows), columns))
    return tuple(tables)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def overview(cells: Sequence[TunedCell[C]], states: Mapping[str, str]) -> Grid:
    """What each cell is to search and how far it is, for a terminal.

    Args:
        states: signature -> what the ledger says.
    """
    grid = Grid(title="searches", title_justify="left", box=None)
    for heading in ("search", "cell", "space", "points", "asked", "done", "pruned", "other"):
        grid.add_column(heading, overflow="fold")
    for tuning in cells:
        counts = Counter(point.state for point in tuning.found(states))
        others = ", ".join(f"{n} {state}" for state, n in counts.items() if state not in {"done", "pruned"})
        numbers = (tuning.wanted, len(tuning.points), counts["done"], counts["pruned"])
        texts = (tuning.search.number, tuning.cell.label, "; ".join(map(str, tuning.search.space)))
        grid.add_row(*map(Text, (*texts, *map(str, numbers), others)))
    return grid


def reports(
    cells: Sequence[TunedCell[C]], states: Mapping[str, str], messages: Mapping[str, str]
) -> list[SearchReport]:
    """What each search has found so far."""
    return [
        _report([tuning for tuning in cells if tuning.search.number == number], states, messages)
        for number in dict.fromkeys(tuning.search.number for tuning in cells)
    ]


def _report(
    cells: Sequence[TunedCell[C]], states: Mapping[str, str], messages: Mapping[str, str]
) -> SearchReport:
    search, scale = cells[0].search, cells[0].scale
    found = [tuning.found(states, messages) for tuning in cells]
    shares = _shares(cells, found)
    protocols = sorted(
        {p.protocols[o] for points in found for p in points if p.values for o in search.objectives}
    )
    notes = [
        f"{scale.name} scale on {scale.data} data, training seed {cells[0].seed}; {'; '.join(map(str, search.space))}."
    ]
    for name, share in zip(search.objectives, shares, strict=True):
        if share:
            notes.append(
                f"{name.upper()} depended on " + ", ".join(f"{d} {v:.0%}" for d, v in share.items()) + "."
            )
    if protocols:
        notes.append(f"Measured by {', '.join(protocols)}.")
    return SearchReport(
        number=search.number,
        title=f"Search {search.number}. {search.caption} [{scale.name} scale]",
        objectives=search.objectives,
        dimensions=tuple(dimension.name for dimension in search.space),
        found=tuple(point for points in found for point in points),
        shares=dict(zip(search.objectives, shares, strict=True)),
        notes=tuple(notes),
    )


def _shares(
    cells: Sequence[TunedCell[C]], found: Sequence[Sequence[FoundPoint]]
) -> list[Mapping[str, float]]:
    """What each dimension had to do with each objective, over all cells: which cell it is counts as dimensions."""
    axes = {"row": [t.cell.row for t in cells], "variant": [t.cell.variant for t in cells]}
    varied = [
        Choice[C](name, dict.fromkeys(labels, unchanged))
        for name, labels in axes.items()
        if len(set(labels)) > 1
    ]
    told: list[Reported] = []
    for at, (tuning, points) in enumerate(zip(cells, found, strict=True)):
        for one in tuning.told(points):
            place = {axis.name: axes[axis.name][at] for axis in varied}
            told.append(replace(one, number=len(told), point={**one.point, **place}))
    return importances([*cells[0].search.space, *varied], tuple(cells[0].objectives.values()), told)
