"""`retable table`: the tables of finished trials, on the console and as files."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.console import Console

from retable.cli.commands.remote import table_of
from retable.cli.commands.request import Given, Request, refresh, requested, states_and_messages
from retable.cli.options import FLAT, Cluster, StudyFile, StudyOptions, option
from retable.planning.plan import Plan
from retable.store.formats.layout import ResultsFolder

if TYPE_CHECKING:
    from retable.report.report import Load


@dataclass(frozen=True, kw_only=True)
class TableOptions(StudyOptions):
    """The source of the numbers, and the folder of the files."""

    from_mlflow: Annotated[
        str | None,
        option(
            "[URI]",
            "Make the tables from MLflow alone, without the folder of results. Default of URI: MLFLOW_TRACKING_URI, or "
            "mlflow.db in the folder of results.",
        ),
    ] = None
    export: Annotated[
        Path | None,
        option("DIR", "Folder to export the tables to. Default: the folder of results.", Path),
    ] = None
    cluster: Cluster = None


def table(
    study: StudyFile,
    /,
    *,
    options: Annotated[TableOptions, FLAT] = TableOptions(),
    session: Given,
) -> int:
    """Print and export the tables of finished trials. Train nothing."""
    declared = session.load(study)
    if options.cluster is not None:
        return table_of(
            session, declared, study, options.cluster, options, options.export, options.from_mlflow
        )
    refresh(options.out)
    request = requested(declared, options)
    request = replace(request, from_mlflow=options.from_mlflow, exports=options.export)
    return show_tables(request, session.console)


def show_tables(request: Request, console: Console) -> int:
    """Print and export the tables of the finished trials."""
    if request.from_mlflow is None:
        return report(request, request.plan(request.fingerprint(console)), console)
    from retable.cli.from_mlflow import load_from_mlflow

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
