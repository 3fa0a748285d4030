"""`retable retry`: train failed trials again, or one finished trial from its start."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from retable.cli.actions import training
from retable.cli.arguments import values
from retable.cli.arguments.options import CLASSES, FLAT, StudyFile, TrainingOptions, option
from retable.cli.arguments.request import Given, Request
from retable.cli.commands.remote import train
from retable.execution.restart import restart
from retable.execution.retries import CAUSES, Cause
from retable.planning.plan import Plan
from retable.store.formats.layout import ResultsFolder
from retable.store.ledger import FINISHED, Ledger
from retable.store.records import find


@dataclass(frozen=True, kw_only=True)
class RetryOptions(TrainingOptions):
    """The trials to train again."""

    classes: Annotated[
        frozenset[Cause],
        Parameter(name="--class"),
        option("CLASSES", CLASSES, values.failure_classes),
    ] = frozenset(CAUSES)
    trial: Annotated[
        str | None,
        option(
            "SIGNATURE",
            "Finished trial to train again from the start, such as one whose weights are lost. Its old folder is kept.",
        ),
    ] = None


def retry(
    study: StudyFile,
    /,
    *,
    options: Annotated[RetryOptions, FLAT] = RetryOptions(),
    session: Given,
) -> int:
    """Run, and train failed trials again. Trials that lost their workers or lacked memory are retried without it."""

    def retry_requested(request: Request, console: Console) -> int:
        request = replace(request, retries=replace(request.retries, requested=options.classes))
        return retry_trials(request, console, options.trial)

    return train(session, "retry", study, options, retry_requested)


def retry_trials(request: Request, console: Console, trial: str | None = None) -> int:
    """`training.run`, with the failed trials of the classes ``request.retries.requested``, all classes if it is empty.

    Args:
        trial: signature, or its beginning, of a finished trial to train from its start again.

    Raises:
        ValueError: no trial has that signature, several begin like that, or it is not this study's.
    """
    asked = request.retries.requested or frozenset(CAUSES)
    request = replace(request, retries=replace(request.retries, requested=asked))
    root, plan = training.prepare(request, console)
    if trial is not None:
        _restart(request, plan, trial, console)
    return training.train(request, plan, root, console)


def _restart(request: Request, plan: Plan[Any], trial: str, console: Console) -> None:
    """Make a finished trial a missing one."""
    from retable.execution.sync import Storage

    if Storage.of(request.results) is not None:
        raise ValueError(
            "a finished trial can't be trained again where results live under a URL, for every node has a copy of it: "
            "name a new place with --out"
        )
    if not ResultsFolder(request.results).ledger.exists():
        raise ValueError(f"nothing was trained with --out {request.results}: leave --trial {trial} away")
    with Ledger(ResultsFolder(request.results).ledger) as ledger:
        record = find(ledger.trials(request.study.name, request.scale.name), trial)
        if not request.study.searches and record.signature not in {one.signature for one in plan.trials}:
            raise ValueError(
                f"trial {record.signature} ({record.name}) is not in the plan: name its tables, seeds and iterations as "
                "when it was trained"
            )
        if record.state not in FINISHED:
            console.print(Text(f"Trial {record.signature} ({record.name}) is {record.state}: it goes on."))
            return
        aside = restart(request.results, ledger, record.signature)
    console.print(
        Text(
            f"Trial {record.signature} ({record.name}) is trained again from its start; its former folder is {aside}. "
            "Finished trials that learned from it stay as they are. To go on later leave --trial away."
        )
    )
