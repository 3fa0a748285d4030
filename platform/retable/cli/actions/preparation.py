"""Preparation of a run: the data set in the form that training reads, and the plan of the trials that can be trained on it."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from retable.cli.arguments.request import ABSENT, Request
from retable.data.datasets import locate
from retable.io.console import progress_bar
from retable.planning.plan import Plan
from retable.report.results.numbers import counted


def prepare(request: Request, console: Console) -> tuple[Path, Plan[Any]]:
    """Prepare the data set, and plan the trials that can be trained on it.

    Returns:
        Root folder of the data set, and the plan.

    Raises:
        DataError: none of the trials can be trained on it, or not those of a search.
    """
    from retable.data.decode.errors import DataError
    from retable.data.scan.catalog import scan
    from retable.planning.compatibility import Compatibility

    console.print(
        Text(f"{request.study.paper}", style="bold"),
        f"· scale {request.scale.name} · results in {request.results}",
    )
    obstacles = _obstacles(request.plan(ABSENT))  # before the data set is touched
    if obstacles:
        console.print(
            Text(
                f"{counted(len(obstacles), 'cell')} can't run: {'; '.join(dict.fromkeys(obstacles))}",
                style="yellow",
            )
        )
    with progress_bar(console, f"Data set {request.scale.data}") as progress:
        root = locate(request.scale.data, request.data, progress)
    with progress_bar(console, "Looking at its files") as progress:
        catalog = scan(root, frames=1, progress=progress)  # each config has its own needs
    plan = request.plan(catalog.fingerprint, winners=False)
    notices: dict[str, None] = {}
    to_come = [planned for tuning in request.tunings(plan.data) for planned in tuning.base]
    fitting = Compatibility(catalog)
    if reason := next(
        filter(None, (fitting.incompatibility(planned.trial.config) for planned in to_come)), ""
    ):
        raise DataError(reason)
    plan, reasons = fitting.possible(plan)
    if reasons:
        listed = "; ".join(dict.fromkeys(reasons.values()))
        console.print(Text(f"{counted(len(reasons), 'trial')} can't be trained: {listed}", style="yellow"))
    for config in dict.fromkeys(planned.trial.config for planned in (*plan.trials, *to_come)):
        with progress_bar(console, "Decoding its files") as progress:
            notices[config.prepare(root, progress)] = None
    for notice in filter(None, notices):
        console.print(Text(notice, style="yellow"))
    return root, plan


def _obstacles(plan: Plan[Any]) -> list[str]:
    """The reason of each cell of the plan that can't run.

    Raises:
        ValueError: none of them can.
    """
    obstacles = [cell.obstacle for cell in plan.cells() if cell.obstacle]
    if obstacles and not plan.trials:
        raise ValueError(f"no cell can run: {'; '.join(dict.fromkeys(obstacles))}")
    return obstacles
