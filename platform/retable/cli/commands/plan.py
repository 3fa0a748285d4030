"""TODO."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from retable.cli.commands.request import ABSENT, Request, _catalog_if_here, _records
from retable.io.console import progress_bar
from retable.planning.duration import Machine

if TYPE_CHECKING:
    from retable.planning.forecast import Forecast


def show_plan(
    requests: Sequence[Request], machine: Machine, console: Console, *, as_json: bool = False
) -> int:
    """Print the trials that would run and what they would take. Renders no data, starts no Ray, trains nothing.

    Args:
        requests: for one study or more, alike but for that; their plans are told as one.
        as_json: print `Forecast.to_json` and nothing else; what else there is to say goes to stderr.

    Returns:
        The exit code: 2 where training would not start, as its own then is.
    """
    from retable.planning.estimate import estimate

    aside = Console(stderr=True) if as_json else console
    first = requests[0]
    catalog = _catalog_if_here(first, aside, frames=1)
    fingerprint = ABSENT if catalog is None else catalog.fingerprint
    plans = [request.plan(fingerprint) for request in requests]
    with progress_bar(aside, "Counting what steps cost") as progress:
        forecast = estimate(
            plans, first.results, _records(first), machine, catalog=catalog, progress=progress
        )
    if as_json:
        console.print_json(data=forecast.to_json(), indent=2)
    else:
        _print_plan(requests, forecast, console)
    if forecast.refusal:
        aside.print(Text(f"Training would not start: {forecast.refusal}", style="red"))
        return 2
    return 0


def _print_plan(requests: Sequence[Request], forecast: "Forecast", console: Console) -> None:
    from retable.report.plan.table import print_forecast

    papers = dict.fromkeys(request.study.paper for request in requests)
    console.print(Text(f"{'; '.join(papers)}, scale {forecast.scale}", style="bold"))
    print_forecast(forecast, console)
    states = {signature: record.state for signature, record in _records(requests[0]).items()}
    for request in requests:
        show_searches(request, forecast.data, states, console)
        if request.study.searches:
            console.print(
                "The trials above are those that are sure to come: a search asks for the rest of its points as it runs, "
                "and its winners are trained with the other seeds."
            )


def show_searches(request: Request, data: str, states: Mapping[str, str], console: Console) -> None:
    """Print what the study's searches, if it has any, are to look through, and how far they are."""
    if tunings := request.tunings(data):
        from retable.search.summary import overview

        console.print(overview(tunings, states), "")
