"""Forecast as text: tables of the trials, invalid cells, and totals."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from retable.planning.forecast import Forecast, TrialForecast
from retable.planning.plan import differing_labels
from retable.report.plan.stages import direct_requirements, shared_requirements, stages
from retable.report.results.numbers import counted
from retable.store.records import FINISHED
from retable.trial.identity import Label

SHORT = 8
"""Digits of a signature that are shown. They distinguish the trials of a plan; `--json` has all 16."""

STYLES = {"done": "green", "failed": "red", "collapsed": "yellow", "running": "cyan"}


def print_forecast(forecast: Forecast, console: Console) -> None:
    """Print a table for each model family in the order of their stages, then the invalid cells and the totals."""
    requirements, families = direct_requirements(forecast.trials), stages(forecast.trials)
    names = {one.planned.signature: name for name, trials in families.items() for one in trials}
    for name, trials in families.items():
        console.print(_table(name, trials, requirements, names), "")
    if forecast.invalid:
        console.print(_invalid(forecast), "")
    for line in (*forecast.notes, *_sums(forecast)):
        console.print(Text(line))


def _table(
    name: str,
    trials: Sequence[TrialForecast],
    requirements: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
) -> Table:
    """Table of a family's trials. Requirements that all of them share are in the title."""
    title = f"{name}: {counted(len(trials), 'trial')}"
    if shared := shared_requirements(trials, requirements):
        each = "it waits" if len(trials) == 1 else "each waits"
        title += f"; {each} for {' and '.join(f'{names[one]} {one[:SHORT]}' for one in shared)}"
    own = {
        signature: [one[:SHORT] for one in required if one not in shared]
        for signature, required in requirements.items()
        if names[signature] == name
    }
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    columns = list(_columns(trials, own))
    for heading, right, _ in columns:
        table.add_column(
            heading,
            justify="right" if right else "left",
            no_wrap=heading != "tables",
            min_width=6 * (heading == "tables"),
        )
    for one in trials:
        table.add_row(*(text_of(one) for *_, text_of in columns))
    return table


Column = tuple[str, bool, Callable[[TrialForecast], Text | str]]
"""Heading, True if texts are aligned to the right, and the text of a trial."""


def _columns(trials: Sequence[TrialForecast], own: Mapping[str, Sequence[str]]) -> Iterator[Column]:
    yield "trial", False, lambda one: one.planned.signature[:SHORT]
    for label in distinguishing_labels(trials):
        yield _heading(label), False, partial(_label, label)
    if len({one.planned.trial.seed for one in trials}) > 1:
        yield "seed", True, lambda one: str(one.planned.trial.seed)
    yield "state", False, lambda one: Text(one.state, style=STYLES.get(one.state, ""))
    if any(one.cost for one in trials):
        yield "params", True, lambda one: f"{one.cost.parameters / 1e6:.1f} M" if one.cost else ""
        yield "GFLOPs", True, lambda one: "" if one.gflops is None else _significant(one.gflops)
        if any(one.workers > 1 for one in trials):
            yield "workers", True, lambda one: str(one.workers)
        yield "GB\neach", True, lambda one: "" if one.memory_mb is None else f"{one.memory_mb / 1024:.1f}"
        yield f"GPUs of\n{_cards(trials)} GB", True, _gpus
    if any(one.hours is not None for one in trials):
        yield "hours", True, lambda one: "" if one.hours is None else _significant(one.hours)
    if any(own.values()):
        yield "waits\nfor", False, lambda one: " ".join(own[one.planned.signature])
    yield "tables", False, lambda one: ", ".join(one.tables) or "(required)"


def distinguishing_labels(trials: Sequence[TrialForecast]) -> list[str]:
    """Fewest labels that distinguish the configs of a family as well as all differing labels do; the first are kept."""
    labels = list(differing_labels(one.planned.trial for one in trials))
    for label in reversed(labels):
        fewer = [other for other in labels if other != label]
        if len({_values(one, fewer) for one in trials}) == len({_values(one, labels) for one in trials}):
            labels = fewer
    return labels


def _values(one: TrialForecast, labels: Sequence[str]) -> tuple[Label | None, ...]:
    return tuple(_labels(one).get(label) for label in labels)


def _heading(label: str) -> str:
    """The label in short lines, since the values below it are short."""
    lines = label.split("_") if len(label) > 6 else [label]
    broken = (
        line if len(line) <= 10 else f"{line[: len(line) // 2 + 1]}-\n{line[len(line) // 2 + 1 :]}"
        for line in lines
    )
    return "\n".join(broken)


def _label(label: str, one: TrialForecast) -> str:
    return str(_labels(one).get(label, ""))


def _labels(one: TrialForecast) -> dict[str, Label]:
    return dict(one.planned.trial.config.labels())


def _cards(trials: Sequence[TrialForecast]) -> str:
    return "/".join(f"{card:g}" for card in next((one.gpus for one in trials if one.gpus), {}))


def _gpus(one: TrialForecast) -> str:
    return " / ".join("–" if gpus is None else str(gpus) for gpus in (one.gpus or {}).values())


def _invalid(forecast: Forecast) -> Table:
    table = Table(
        title=f"{counted(len(forecast.invalid), 'cell')} can't run",
        title_justify="left",
        title_style="red",
        box=None,
        pad_edge=False,
    )
    for heading in ("table", "row", "column", "why"):
        table.add_column(heading, overflow="fold")
    alike = groupby(forecast.invalid, lambda one: (one.cell.table, one.cell.row, one.reason))
    for (number, row, reason), cells in alike:
        table.add_row(number, Text(row), Text("; ".join(one.cell.column for one in cells)), Text(reason))
    return table


def _sums(forecast: Forecast) -> Iterator[str]:
    finished, running, failed = (
        forecast.count(*FINISHED),
        forecast.count("running"),
        forecast.count("failed"),
    )
    cells = f"{counted(forecast.tables, 'table')}, {counted(forecast.cells, 'cell')}, "
    yield (
        f"{cells if forecast.tables else ''}{counted(len(forecast.trials), 'trial')}: {finished} done, "
        f"{running} running, {failed} failed, {len(forecast.trials) - finished - running - failed} missing. "
        "Nothing was started."
    )
    if any(one.cost for one in forecast.trials):
        yield (
            "GFLOPs: multiply-accumulates of one update. GB: predicted peak of each worker's tensors. GPUs: the fewest "
            "that hold an update of the whole batch, with room for CUDA and fragmentation; – where one sample on each "
            "is too much."
        )
    yield from _placements(forecast)
    yield from _hours(forecast)


def _placements(forecast: Forecast) -> Iterator[str]:
    counts = Counter(one.placement for one in forecast.unfinished if one.placement)
    for placement, count in counts.most_common():
        yield f"On these nodes {counted(count, 'trial')} {'is' if count == 1 else 'are'} {placement}."


def _hours(forecast: Forecast) -> Iterator[str]:
    todo, unknown = len(forecast.unfinished), forecast.unknown
    if not todo:
        return
    if unknown == todo:
        yield "Hours are not known: none of the missing trials, or of their kind, has been measured in this folder yet."
        return
    least = "At least " if unknown else ""
    price = ""
    if forecast.price is not None:
        price = f", which costs {forecast.price * forecast.worker_hours:,.2f} at {forecast.price:g} an hour"
    yield f"{least}{_significant(forecast.worker_hours)} worker-hours are left{price}."
    if forecast.hours_on_nodes is not None:
        yield f"{least}{_significant(forecast.hours_on_nodes)} hours pass until all are done on these nodes."
    if unknown:
        yield f"{unknown} of {todo} trials are not in that: nothing of their kind has been measured in this folder yet."
    for basis in sorted({one.basis for one in forecast.unfinished if one.basis}):
        count = sum(one.basis == basis for one in forecast.unfinished)
        yield f"Hours of {counted(count, 'trial')} are {basis}; more workers are taken to be as much faster."


def _significant(value: float) -> str:
    """Text with two significant digits, but all digits before the point and at most two after it."""
    if value >= 10 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"
