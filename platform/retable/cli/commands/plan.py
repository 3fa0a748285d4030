"""`retable plan`: the trials that would run, and the forecast of their cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter
from rich.console import Console
from rich.text import Text

from retable.cli.actions.tables import show_searches
from retable.cli.arguments import values
from retable.cli.arguments.options import FLAT, STUDY, Address, StudyOptions, Workers, flag, option
from retable.cli.arguments.request import ABSENT, Given, Request, refresh, requested
from retable.cli.commands.remote import is_remote, run_remotely
from retable.io.console import progress_bar
from retable.planning.duration import Machine
from retable.planning.placement import Node
from retable.study.study import Study

if TYPE_CHECKING:
    from retable.planning.forecast import Forecast

FORECAST = Group("Forecast", sort_key=3)


@dataclass(frozen=True, kw_only=True)
class PlanOptions(StudyOptions):
    """The machine that a plan is made for, and its output."""

    workers: Workers = None
    address: Address = None
    gpu_memory: Annotated[
        tuple[float, ...] | None,
        option(
            "GB",
            "Memory of the GPUs, such as 12 or 12,24,80. A cell that fits on none of them can't run. Default: not checked.",
            values.gigabytes,
            group=FORECAST,
        ),
    ] = None
    nodes: Annotated[
        tuple[Node, ...] | None,
        option(
            "NxGPUS",
            "Nodes to place trials on, such as 4x8 for four nodes with eight GPUs each. --address takes those of a "
            "running cluster.",
            values.nodes,
            group=FORECAST,
        ),
    ] = None
    price_per_gpu_hour: Annotated[
        float | None,
        option(
            "PRICE", "Price of an hour of a GPU, for a total price.", values.at_least_zero, group=FORECAST
        ),
    ] = None
    json: Annotated[bool, flag("Print the plan as JSON and nothing else.", group=FORECAST)] = False


def plan(
    studies: Annotated[tuple[Path, ...], Parameter(name="STUDY", help=f"{STUDY} Several make one plan.")],
    /,
    *,
    options: Annotated[PlanOptions, FLAT] = PlanOptions(),
    session: Given,
) -> int:
    """Print the trials that would run: memory, GPUs, hours and price of each, and the cells that can't run.

    Nothing is started.
    """
    declared = [session.load(path) for path in studies]
    if is_remote(options.address):
        if len(studies) > 1:
            raise ValueError(
                "a plan on another machine is made of one study; name one, or plan without --address"
            )
        return run_remotely(session, "plan", declared[0], studies[0], options)
    refresh(options.out)
    return show_plan(_requests(declared, options), _machine(options), session.console, as_json=options.json)


def _requests(studies: Sequence[Study[Any]], options: PlanOptions) -> list[Request]:
    """A request for each study. A table that only some of them declare is taken from those."""
    requests = [requested(study, options) for study in studies]
    if len(studies) > 1 and options.tables is not None:
        known = [{table.number for table in study.tables} for study in studies]
        if strange := [number for number in options.tables if not any(number in own for own in known)]:
            raise ValueError(f"no table {', '.join(strange)} is declared by any of the studies")
        requests = [
            replace(request, tables=tuple(number for number in options.tables if number in own))
            for request, own in zip(requests, known, strict=True)
        ]
    data = {request.scale.data for request in requests}
    if len(data) > 1:
        raise ValueError(
            f"studies in one plan must read one data set, but they read {', '.join(sorted(data))}"
        )
    return requests


def _machine(options: PlanOptions) -> Machine:
    nodes = _nodes(options)
    cards = tuple(sorted({node.gpu_gb for node in nodes if node.gpu_gb}))
    return Machine(
        cards=options.gpu_memory or cards or None,
        workers=options.workers,
        price=options.price_per_gpu_hour,
        nodes=nodes,
    )


def _nodes(options: PlanOptions) -> tuple[Node, ...]:
    """The nodes of the options, or those of the running cluster; none where neither is named."""
    if options.nodes is not None:
        card = options.gpu_memory[0] if options.gpu_memory and len(options.gpu_memory) == 1 else None
        return tuple(replace(node, gpu_gb=card) for node in options.nodes)
    if options.address is None:
        return ()
    from retable.cluster.nodes import live_nodes

    return live_nodes(options.address, options.out)


def show_plan(
    requests: Sequence[Request], machine: Machine, console: Console, *, as_json: bool = False
) -> int:
    """Print the forecast. Renders no data, starts no Ray, trains nothing.

    Args:
        requests: one for each study, equal but for the study and its tables.
        as_json: print `Forecast.to_json` and nothing else; notices go to stderr.

    Returns:
        The exit code: 2 where training would not start, as its own would be.
    """
    from retable.planning.estimate import estimate

    aside = Console(stderr=True) if as_json else console
    first = requests[0]
    catalog = first.catalog(aside, frames=1)
    fingerprint = ABSENT if catalog is None else catalog.fingerprint
    plans = [request.plan(fingerprint) for request in requests]
    records = first.records()
    with progress_bar(aside, "Counting what steps cost") as progress:
        forecast = estimate(plans, first.results, records, machine, catalog=catalog, progress=progress)
    if as_json:
        console.print_json(data=forecast.to_json(), indent=2)
    else:
        states = {signature: record.state for signature, record in records.items()}
        _print_plan(requests, forecast, states, console)
    if forecast.refusal:
        aside.print(Text(f"Training would not start: {forecast.refusal}", style="red"))
        return 2
    return 0


def _print_plan(
    requests: Sequence[Request], forecast: "Forecast", states: Mapping[str, str], console: Console
) -> None:
    from retable.report.plan.table import print_forecast

    papers = dict.fromkeys(request.study.paper for request in requests)
    console.print(Text(f"{'; '.join(papers)}, scale {forecast.scale}", style="bold"))
    print_forecast(forecast, console)
    for request in requests:
        show_searches(request, forecast.data, states, console)
        if request.study.searches:
            console.print(
                "The trials above are those that are sure to come: a search suggests more points as it runs, and its "
                "winners are trained with the other seeds."
            )
