"""`retable table`: the tables of finished trials, on the console and as files."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from retable.cli.actions.tables import show_tables
from retable.cli.arguments.options import FLAT, Cluster, StudyFile, StudyOptions, option
from retable.cli.arguments.request import Given, refresh, requested
from retable.cli.commands.remote import table_of


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
