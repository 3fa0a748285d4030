"""Tables as the paper prints them: rows × columns of text, our numbers with the paper's beside them."""

from collections.abc import Sequence

from retable.planning.plan import Plan
from retable.report.results.cells import NO_NUMBER, FilledCell
from retable.report.results.epoch_minutes import FAMILY, LEAST
from retable.report.results.numbers import counted, duration, measured, signed
from retable.report.results.table import CellText, WideTable
from retable.report.tables.details import details
from retable.report.tables.speedup import speedups
from retable.report.tables.tidy import cells_frame
from retable.study.published import PublishedNumber
from retable.trial.config import C

KID = "kid"
"""Metric family whose spread is over subsets instead of repeats."""


def wide_tables(plan: Plan[C], cells: Sequence[FilledCell[C]]) -> list[WideTable]:
    """Tables of the plan, made from its filled cells."""
    return [_wide(plan, number, [one for one in cells if one.cell.table == number]) for number in plan.tables]


def _wide(plan: Plan[C], number: str, cells: Sequence[FilledCell[C]]) -> WideTable:
    table = plan.study.table(number)
    published = (one.cell.published for one in cells)
    footnotes = list(dict.fromkeys(number.note for number in published if number and number.note))
    rows: dict[str, dict[str, CellText]] = {}
    for one in cells:
        rows.setdefault(one.cell.row, {})[one.cell.column] = _text(one, footnotes)
    columns = tuple(column.label for column in table.columns)
    tidy = cells_frame(plan, cells)
    return WideTable(
        number=number,
        title=f"Table {number}. {table.caption} [{plan.scale.name} scale]",
        columns=columns,
        rows={row: tuple(texts[column] for column in columns) for row, texts in rows.items()},
        notes=(
            *_notes(plan, cells),
            *speedups(table, cells),
            *(f"[{mark}] {note}" for mark, note in enumerate(footnotes, start=1)),
        ),
        tidy=tidy,
        cells=details(tidy),
    )


def _text(filled: FilledCell[C], footnotes: Sequence[str]) -> CellText:
    published = filled.cell.published
    paper = "" if published is None else _paper(published, footnotes)
    if filled.state == "quoted":
        return CellText(paper=paper)
    if not filled.summaries:
        return CellText(filled.state, paper)
    values = [
        measured(summary.value, summary.std_repeats, summary.std_seeds)
        + (f" by {protocol}" if len(filled.summaries) > 1 else "")
        for protocol, summary in filled.summaries.items()
    ]
    ours = " and ".join(values) + ("" if filled.state == "done" else f" [{filled.state}]")
    return CellText(ours, paper, _difference(filled))


def _paper(published: PublishedNumber, footnotes: Sequence[str]) -> str:
    number = "none" if published.value is None else measured(published.value, published.std)
    return f"paper {number}" + (f" [{footnotes.index(published.note) + 1}]" if published.note else "")


def _difference(filled: FilledCell[C]) -> str:
    if filled.difference is not None:
        return f"difference {signed(filled.difference, next(iter(filled.summaries.values())).value)}"
    return "" if filled.why_no_difference == NO_NUMBER else filled.why_no_difference


def _notes(plan: Plan[C], cells: Sequence[FilledCell[C]]) -> list[str]:
    seeds = f"training seed{'s' * (len(plan.seeds) > 1)}: {', '.join(map(str, plan.seeds))}"
    notes = [f"{plan.scale.name} scale on {plan.scale.data} data, {seeds}."]
    if not plan.scale.comparable:
        notes.append(
            "Rows and columns have the paper's names; what was trained is smaller (params.* of the CSV file)."
        )
    summaries = [summary for one in cells for summary in one.summaries.values()]
    numbers = [one.cell.published for one in cells if one.cell.published]
    spread = {
        one.cell.metric
        for one in cells
        if any(summary.std_repeats is not None for summary in one.summaries.values())
    }
    if spread - {KID} or any(one.std is not None for one in numbers):
        notes.append("± is the standard deviation over evaluation repeats.")
    if KID in spread:
        notes.append("KID's ± is the standard deviation over all subsets of samples that it is the mean of.")
    if any(summary.std_seeds is not None for summary in summaries):
        notes.append("seeds ± is the sample standard deviation over training seeds.")
    scored = (outcome for one in cells if one.cell.metric != FAMILY for outcome in one.outcomes)
    if rules := sorted({outcome.best_by for outcome in scored if outcome.best_by}):
        notes.append(f"Scores are those of each trial's best snapshot, the one of {' or of '.join(rules)}.")
    if protocols := sorted({protocol for one in cells for protocol in one.summaries}):
        notes.append(f"Measured by {', '.join(protocols)}.")
    if any(one.cell.metric == FAMILY and one.summaries for one in cells):
        notes.append(
            f"Minutes are of an epoch at the mean speed of each trial's own steps ({LEAST} at least), with whatever else "
            "ran on the machine; evaluation, and the training of what a trial requires, are not in them."
        )
    return [*notes, _cost(cells)]


def _cost(cells: Sequence[FilledCell[C]]) -> str:
    """Note on the time of the table's trials; a trial that fills several cells counts once."""
    trials = {outcome.signature: outcome for one in cells for outcome in one.outcomes}.values()
    spent = [outcome for outcome in trials if outcome.wall_seconds is not None]
    if not spent:
        return f"None of {counted(len(trials), 'trial')} has finished."
    wall = sum(outcome.wall_seconds or 0.0 for outcome in spent)
    workers = sum(outcome.worker_seconds or 0.0 for outcome in spent)
    together = f", {duration(workers)} counted for each worker" if workers > wall else ""
    return f"{len(spent)} of {counted(len(trials), 'trial')} took {duration(wall)} together{together}."
