"""`retable status`: the state of each trial, while it is trained and afterwards. It only reads."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from rich.console import Console
from rich.table import Table
from rich.text import Text

from retable.cli.arguments.options import FLAT, Cluster, StudyFile, StudyOptions, option
from retable.cli.arguments.request import Given, Request, refresh, requested
from retable.cli.commands.remote import status_of
from retable.execution.progress import TrialProgress
from retable.execution.retries import failure_class
from retable.planning.plan import PlannedTrial
from retable.report.plan.table import SHORT
from retable.report.results.numbers import counted
from retable.store.formats.layout import ResultsFolder
from retable.store.records import Attempt, TrialRecord, find

NUMBERS = "iteration", "attempts", "worker-hours"
STYLES = {"done": "green", "collapsed": "yellow", "failed": "red", "running": "bold"}


@dataclass(frozen=True, kw_only=True)
class StatusOptions(StudyOptions):
    """The trial that is meant, and the machine."""

    trial: Annotated[
        str | None,
        option(
            "SIGNATURE",
            "Print all attempts at this trial with their tracebacks. The first digits of a signature are enough.",
        ),
    ] = None
    cluster: Cluster = None


def status(
    study: StudyFile,
    /,
    *,
    options: Annotated[StatusOptions, FLAT] = StatusOptions(),
    session: Given,
) -> int:
    """Print the state, the progress, the cost and the failure of each trial. Another process may be training."""
    declared = session.load(study)
    if options.cluster is not None:
        return status_of(session, declared, study, options.cluster, options, options.trial)
    refresh(options.out)
    return show_status(requested(declared, options), session.console, options.trial)


def show_status(request: Request, console: Console, trial: str | None = None) -> int:
    """Print the state, the progress, the cost and the failure of each trial, or all attempts at one trial.

    Args:
        trial: the signature of a trial, or its beginning.

    Raises:
        ValueError: no trial has that signature, or several begin like that.
    """
    path = ResultsFolder(request.results).ledger
    if not path.exists():
        console.print(f"{path} does not exist: nothing was run with --out {request.results}")
        return 0
    known = request.records()
    if trial is not None:
        return _show_trial(request, find(known.values(), trial), console)
    plan = request.plan(request.fingerprint(console))
    console.print(Text(f"{request.study.paper}, scale {request.scale.name}", style="bold"))
    rows = Table(box=None, pad_edge=False)
    for heading in ("trial", "", "state", "iteration", "attempts", "worker-hours", ""):
        rows.add_column(heading, overflow="fold", justify="right" if heading in NUMBERS else "left")
    for planned in plan.trials:
        rows.add_row(*_row(request, planned, known.get(planned.signature)))
    console.print(rows, "")
    found = (known.get(planned.signature) for planned in plan.trials)
    states = Counter(record.state if record and record.attempts else "missing" for record in found)
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    console.print(f"{counted(len(plan.trials), 'trial')}: {counts}.")
    if states["failed"]:
        console.print(
            "--trial and the signature in the first column print a trial's attempts with their tracebacks."
        )
    return 0


def _row(request: Request, planned: PlannedTrial, record: TrialRecord | None) -> list[str | Text]:
    short, family = planned.signature[:SHORT], planned.trial.config.trainable
    name = planned.name if planned.name == family else f"{family} {planned.name}"
    if record is None or not record.attempts:
        return [short, Text(name), "missing"]
    last = record.attempts[-1]
    total = planned.trial.config.iterations
    at, text = record.iteration, _last_line(last.message)
    if record.state == "running":
        progress = TrialProgress(ResultsFolder(request.results).trial(record.signature).path, last.number)
        progress.refresh()
        at, text = progress.iteration, progress.text(planned.trial.config)
    return [
        short,
        Text(name),
        Text(_state(last), style=STYLES.get(record.state, "")),
        f"{at}/{total}",
        str(len(record.attempts)),
        f"{record.worker_seconds / 3600:.2f}",
        Text(text),
    ]


def _show_trial(request: Request, record: TrialRecord, console: Console) -> int:
    console.print(Text(f"{record.signature}  {record.name}", style="bold"))
    console.print(f"folder {ResultsFolder(request.results).trial(record.signature).path}")
    for attempt in record.attempts:
        parts = [
            f"attempt {attempt.number}: {_state(attempt)} at iteration {attempt.iteration}",
            f"{attempt.began} to {attempt.ended or 'now'}",
            f"{attempt.worker_seconds / 3600:.2f} worker-hours",
            f"{counted(attempt.workers, 'worker')} of {attempt.owner.host}",
        ]
        if attempt.split > 1:
            parts.append(f"micro-batches cut in {attempt.split}")
        console.print(Text(", ".join(parts), style=STYLES.get(attempt.state, "")))
        if attempt.message:
            console.print(Text(attempt.message.rstrip()))
    return 0


def _state(attempt: Attempt) -> str:
    cause = failure_class(attempt)
    return f"{attempt.state}: {cause.replace('_', ' ')}" if cause else attempt.state


def _last_line(message: str) -> str:
    return message.strip().splitlines()[-1] if message.strip() else ""
