"""What the command line does without training: plan, table, and checking a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from retable.console import counting
from retable.data.sets import here
from retable.failures import Retries
from retable.plan import Plan, make_plan
from retable.pricing import Machine
from retable.scale import Scale
from retable.study import Study

if TYPE_CHECKING:
    from retable.data.catalog import Catalog
    from retable.outlook import Outlook
    from retable.record import TrialRecord
    from retable.report.everything import Load
    from retable.tuning import Tuning

ABSENT = "absent"
"""Stands for the fingerprint of a data set that is not on this machine: signatures are then provisional."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for. From `results` on, these are machine knobs: they never change a result.

    Attributes:
        tables: numbers of tables; None for the scale's own choice.
        seeds: training seeds; None for the scale's.
        data: folder of the data set; None for the scale's.
        workers: most workers of one trial; None for as many as suits the machine.
        address: a running Ray cluster; None for one of our own.
        local: train in this process, without Ray.
        retries: what of the failed trials is begun again.
        from_mlflow: make tables from this tracker (empty: the default one) and no folder of results.
        classifier: file of weights that `scale` was changed to be judged by; its content is part of signatures.
        encoder: likewise, the autoencoder that gives codes.
        storage: URL of Optuna's storage; None for a file in the folder of results.
        gpus: of each worker; None for one where there are any.
        wait_minutes: how long a trial waits for a node that can hold it.
        exports: folder that tables are exported to; None for that of the results.
    """

    study: Study[Any]
    scale: Scale[Any]
    tables: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    results: Path
    data: Path | None = None
    workers: int | None = None
    address: str | None = None
    local: bool = False
    retries: Retries = field(default_factory=Retries)
    from_mlflow: str | None = None
    classifier: Path | None = None
    encoder: Path | None = None
    storage: str | None = None
    gpus: float | None = None
    wait_minutes: float = 30.0
    exports: Path | None = None

    def plan(self, data: str, *, winners: bool = True) -> Plan[Any]:
        """The plan over a data set of that fingerprint; with its searches' points, and their winners if asked for."""
        if not self.study.searches:
            return make_plan(self.study, self.scale, data, tables=self.tables, seeds=self.seeds)
        from retable.searched import search_plan

        return search_plan(
            self.study,
            self.scale,
            data,
            self.tunings(data),
            tables=self.tables,
            seeds=self.seeds,
            winners=winners,
        )

    def tunings(self, data: str) -> "list[Tuning[Any]]":
        """The cells of the study's searches, with what was asked so far."""
        if not self.study.searches:
            return []
        from retable.searched import tunings

        return tunings(self.study, self.scale, data, self.results, tables=self.tables, seeds=self.seeds)


def named_scale(study: Study[Any], name: str) -> Scale[Any]:
    """The study's scale of that name.

    Raises:
        ValueError: it has none of that name.
    """
    if name not in study.scales:
        raise ValueError(f"--scale must be one of {', '.join(study.scales)}, but got {name!r}")
    scale: Scale[Any] = study.scales[name]
    return scale


def show_plan(
    requests: Sequence[Request], machine: Machine, console: Console, *, as_json: bool = False
) -> int:
    """Print the trials that would run and what they would take. Renders no data, starts no Ray, trains nothing.

    Args:
        requests: for one study or more, alike but for that; their plans are told as one.
        as_json: print `Outlook.to_json` and nothing else; what else there is to say goes to stderr.

    Returns:
        The exit code: 2 where training would not start, as its own then is.
    """
    from retable.planning import look_ahead

    aside = Console(stderr=True) if as_json else console
    first = requests[0]
    catalog = _catalog_if_here(first, aside, frames=1)
    fingerprint = ABSENT if catalog is None else catalog.fingerprint
    plans = [request.plan(fingerprint) for request in requests]
    with counting(aside, "Counting what steps cost") as progress:
        outlook = look_ahead(
            plans, first.results, _records(first), machine, catalog=catalog, progress=progress
        )
    if as_json:
        console.print_json(data=outlook.to_json(), indent=2)
    else:
        _print_plan(requests, outlook, console)
    if outlook.refusal:
        aside.print(Text(f"Training would not start: {outlook.refusal}", style="red"))
        return 2
    return 0


def _print_plan(requests: Sequence[Request], outlook: "Outlook", console: Console) -> None:
    from retable.report.plan import print_outlook

    papers = dict.fromkeys(request.study.paper for request in requests)
    console.print(Text(f"{'; '.join(papers)}, scale {outlook.scale}", style="bold"))
    print_outlook(outlook, console)
    states = {signature: record.state for signature, record in _records(requests[0]).items()}
    for request in requests:
        show_searches(request, outlook.data, states, console)
        if request.study.searches:
            console.print(
                "The trials above are those that are sure to come: a search asks for the rest of its points as it runs, "
                "and its winners are trained with the other seeds."
            )


def show_searches(request: Request, data: str, states: Mapping[str, str], console: Console) -> None:
    """Print what the study's searches, if it has any, are to look through, and how far they are."""
    if tunings := request.tunings(data):
        from retable.searched import overview

        console.print(overview(tunings, states), "")


def show_tables(request: Request, console: Console) -> int:
    """Print and export the tables of what has been trained so far. Trains nothing."""
    if request.from_mlflow is None:
        return report(request, request.plan(fingerprint_if_here(request, console)), console)
    from retable.remembered import remembered

    found = remembered(request.study.name, request.scale.name, request.results, request.from_mlflow)
    plan = request.plan(found.data)
    return _print_and_export(plan, found.outcomes, request.exports or request.results, console)


def check_data(folder: Path, frames: int, size: int, console: Console) -> int:
    """List the files of a data set that training can't use; exit code 1 if training would refuse it."""
    from retable.data.check import check, rendered

    with counting(console, f"Reading the files of {folder}") as progress:
        report = check(folder, frames=frames, size=size, progress=progress)
    console.print(rendered(report))
    return 0 if report.refusal is None else 1


def report(request: Request, plan: Plan[Any], console: Console) -> int:
    """Print and export the tables of a folder of results."""
    from retable.parcel import Parcel
    from retable.report.results import load_results

    records = _records(request)
    states, messages = _told(records)
    if request.study.searches:
        from retable.searched import reports

        for searched in reports(request.tunings(plan.data), states, messages):
            console.print(searched.rendered(), "")
            written = searched.export((request.exports or request.results) / "search" / request.study.name)
            console.print(f"{len(written)} files are in {written[0].parent}.\n")
    runs = Parcel.runs(request.results, request.study.name, request.scale.name)
    recorded = {key: record.result for key, record in records.items() if record.result}
    load = partial(
        load_results, request.results, states=states, messages=messages, runs=runs, recorded=recorded
    )
    return _print_and_export(plan, load, request.exports or request.results, console)


def _print_and_export(plan: Plan[Any], load: "Load", folder: Path, console: Console) -> int:
    # Tables and figures stand on pandas, SciPy and Matplotlib, which no other command waits for.
    from retable.report.everything import draw_figures, report_tables
    from retable.report.export import export
    from retable.report.render import print_tables

    tables = report_tables(plan, load)
    print_tables(tables, console)
    if len(plan.seeds) == 1 and any(plan.study.table(number).reference for number in plan.tables):
        console.print(
            "Differences between rows are inconclusive with 1 seed; --seeds 0,1,2 trains the missing."
        )
    folder = folder / "tables" / plan.study.name  # several studies have a Table 4
    written = export(tables, folder) + draw_figures(plan, load, folder)
    console.print(f"{len(written)} files are in {folder}.")
    return 0


def fingerprint_if_here(request: Request, console: Console) -> str:
    """The data set's fingerprint if it is on this machine, without rendering or fetching anything."""
    catalog = _catalog_if_here(request, console)
    return ABSENT if catalog is None else catalog.fingerprint


def _catalog_if_here(request: Request, console: Console, *, frames: int = 16) -> "Catalog | None":
    """What is in the data set, if it is on this machine; a video of fewer frames counts as too short."""
    from retable.data.catalog import scan

    root = here(request.scale.data, request.data)
    if root is None:
        console.print(
            Text(
                f"The data set {request.scale.data} is not on this machine: signatures are provisional, and what is "
                "done can't be told.",
                style="yellow",
            )
        )
        return None
    with counting(console, "Looking at its files") as progress:
        return scan(root, frames=frames, progress=progress)


def ledger_states(request: Request) -> tuple[dict[str, str], dict[str, str]]:
    """What the ledger says of each trial: its state, and the message of its last attempt."""
    return _told(_records(request))


def _told(records: "Mapping[str, TrialRecord]") -> tuple[dict[str, str], dict[str, str]]:
    states: dict[str, str] = {signature: record.state for signature, record in records.items()}
    return states, {key: r.attempts[-1].message for key, r in records.items() if r.attempts}


def _records(request: Request) -> "dict[str, TrialRecord]":
    """What the ledger has, by signature; nothing where there is none."""
    from retable.ledger import Ledger

    path = request.results / "ledger.db"
    if not path.exists():
        return {}
    with Ledger(path) as ledger:
        return {record.signature: record for record in ledger.trials()}
