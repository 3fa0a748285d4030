"""Tables of results and overviews of searches, on the console and as files."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from retable.cli.arguments.request import Request, states_and_messages
from retable.planning.plan import Plan
from retable.store.formats.layout import ResultsFolder

if TYPE_CHECKING:
    from retable.report.report import Load


def show_tables(request: Request, console: Console) -> int:
    """Print and export the tables of the finished trials."""
    if request.from_mlflow is None:
        return report(request, request.plan(request.fingerprint(console)), console)
    from retable.cli.actions.from_mlflow import load_from_mlflow

    found = load_from_mlflow(request.study.name, request.scale.name, request.results, request.from_mlflow)
    plan = request.plan(found.data)
    return _print_and_export(plan, found.outcomes, request.exports or request.results, console)


def report(request: Request, plan: Plan[Any], console: Console) -> int:
    """Print and export the tables of a folder of results."""
    from retable.report.results.load import load_results
    from retable.tracking.delivery import Delivery

    records = request.records()
    states, messages = states_and_messages(records)
    if request.study.searches:
        from retable.search.summary import reports

        for searched in reports(request.tunings(plan.data), states, messages):
            console.print(searched.rendered(), "")
            written = searched.export(
                ResultsFolder(request.exports or request.results).search(request.study.name)
            )
            console.print(f"{len(written)} files are in {written[0].parent}.\n")
    runs = Delivery.runs(request.results, request.study.name, request.scale.name)
    recorded = {key: record.result for key, record in records.items() if record.result}
    load = partial(
        load_results, request.results, states=states, messages=messages, runs=runs, recorded=recorded
    )
    return _print_and_export(plan, load, request.exports or request.results, console)


def _print_and_export(plan: Plan[Any], load: "Load", folder: Path, console: Console) -> int:
    # Tables and figures stand on pandas, SciPy and Matplotlib, which no other verb waits for.
    from retable.report.formats.console import print_tables
    from retable.report.formats.export import export
    from retable.report.report import draw_figures, report_tables

    tables = report_tables(plan, load)
    print_tables(tables, console)
    if len(plan.seeds) == 1 and any(plan.study.table(number).reference for number in plan.tables):
        console.print(
            "Differences between rows are inconclusive with 1 seed; --seeds 0,1,2 trains the missing."
        )
    folder = ResultsFolder(folder).tables(plan.study.name)  # several studies have a Table 4
    written = export(tables, folder) + draw_figures(plan, load, folder)
    console.print(f"{len(written)} files are in {folder}.")
    return 0


def show_searches(request: Request, data: str, states: Mapping[str, str], console: Console) -> None:
    """Print the spaces of the study's searches, if it has any, and how far the searches are."""
    if tunings := request.tunings(data):
        from retable.search.summary import overview

        console.print(overview(tunings, states), "")
