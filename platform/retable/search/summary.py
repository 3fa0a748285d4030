"""The searches of a study so far: their cells, the plan with their points and winners, and their reports."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table as Grid
from rich.text import Text

from retable.planning.plan import Plan, make_plan
from retable.search.cell import TunedCell
from retable.search.optuna import ReportedPoint, importances
from retable.search.report import PointResult, SearchReport
from retable.study.scale import Scale
from retable.study.search import Choice
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import C


def tuned_cells(
    study: Study[C],
    scale: Scale[C],
    data: str,
    results: Path,
    *,
    tables: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[TunedCell[C]]:
    """The cells of the study's searches, with their points so far.

    Args:
        data: content fingerprint of the data set.
        tables: numbers of the tables and searches; None for the scale's.
        seeds: training seeds; the first is the seed of every point.
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
    """The plan with the points so far, and a table of the winners of each search.

    Args:
        winners: True to include the winners so far, with every seed, and the points that are certain to be suggested. A
            run leaves them out: its controller suggests them.
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
    for tuned in cells:
        *required, _ = tuned.base
        known |= {planned.signature: planned for planned in required if planned.signature not in known}
        for suggestion in tuned.history:
            if winners or suggestion.pruned_at is None:
                for planned in tuned.planned(suggestion):
                    known.setdefault(planned.signature, planned)
        for planned in tuned.upcoming if winners else ():
            known.setdefault(planned.signature, planned)
    return replace(plan, trials=tuple(known.values()))


def _winners(cells: Sequence[TunedCell[C]]) -> tuple[Table[C], ...]:
    """A table of the winners so far of each search."""
    tables = []
    for search in dict.fromkeys(tuned.search.number for tuned in cells):
        rows = []
        mine = [tuned for tuned in cells if tuned.search.number == search]
        for tuned in mine:
            winner = tuned.winner(tuned.point_results())
            if winner is not None:
                values = ", ".join(
                    f"{name} = {_short(value)}" for name, value in winner.suggestion.point.items()
                )
                rows.append(Row(f"{tuned.cell.label} ({values})", tuned.config(winner.suggestion.point)))
        if rows:
            first, *_ = objectives = mine[0].search.objectives
            columns = tuple(Column[C](name.upper(), name) for name in objectives)
            caption = f"{mine[0].search.caption}: the best of each cell by {first.upper()}"
            tables.append(Table(search, caption, tuple(rows), columns))
    return tuple(tables)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def overview(cells: Sequence[TunedCell[C]], states: Mapping[str, str]) -> Grid:
    """The searches' cells and their progress, as a table for the terminal.

    Args:
        states: state in the ledger by signature.
    """
    grid = Grid(title="searches", title_justify="left", box=None)
    for heading in ("search", "cell", "space", "points", "suggested", "done", "pruned", "other"):
        grid.add_column(heading, overflow="fold")
    for tuned in cells:
        counts = Counter(point.state for point in tuned.point_results(states))
        others = ", ".join(f"{n} {state}" for state, n in counts.items() if state not in {"done", "pruned"})
        numbers = (tuned.wanted, len(tuned.history), counts["done"], counts["pruned"])
        texts = (tuned.search.number, tuned.cell.label, "; ".join(map(str, tuned.search.space)))
        grid.add_row(*map(Text, (*texts, *map(str, numbers), others)))
    return grid


def reports(
    cells: Sequence[TunedCell[C]], states: Mapping[str, str], messages: Mapping[str, str]
) -> list[SearchReport]:
    """A report of each search."""
    return [
        _report([tuned for tuned in cells if tuned.search.number == number], states, messages)
        for number in dict.fromkeys(tuned.search.number for tuned in cells)
    ]


def _report(
    cells: Sequence[TunedCell[C]], states: Mapping[str, str], messages: Mapping[str, str]
) -> SearchReport:
    search, scale = cells[0].search, cells[0].scale
    results = [tuned.point_results(states, messages) for tuned in cells]
    shares = _importances(cells, results)
    protocols = sorted(
        {p.protocols[o] for points in results for p in points if p.values for o in search.objectives}
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
        points=tuple(point for points in results for point in points),
        importances=dict(zip(search.objectives, shares, strict=True)),
        notes=tuple(notes),
    )


def _importances(
    cells: Sequence[TunedCell[C]], results: Sequence[Sequence[PointResult]]
) -> list[Mapping[str, float]]:
    """Importance of each dimension for each objective, over all cells; a cell's row and variant are dimensions too."""
    axes = {"row": [t.cell.row for t in cells], "variant": [t.cell.variant for t in cells]}
    varied = [
        Choice[C](name, dict.fromkeys(labels, unchanged))
        for name, labels in axes.items()
        if len(set(labels)) > 1
    ]
    reported: list[ReportedPoint] = []
    for at, (tuned, points) in enumerate(zip(cells, results, strict=True)):
        for one in tuned.reported(points):
            place = {axis.name: axes[axis.name][at] for axis in varied}
            reported.append(replace(one, number=len(reported), point={**one.point, **place}))
    return importances([*cells[0].search.space, *varied], tuple(cells[0].objectives.values()), reported)
