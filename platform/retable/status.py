"""What the command line says of trials while they are trained, and afterwards. It only reads."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from retable.commands import Request, fingerprint_if_here
from retable.failures import failure_class
from retable.following import Following
from retable.ledger import Ledger
from retable.plan import PlannedTrial
from retable.record import Attempt, TrialRecord

STYLES = {"done": "green", "collapsed": "yellow", "failed": "red", "running": "bold"}


def show_status(request: Request, console: Console, trial: str | None = None) -> int:
    """Print each trial's state, how far it is, what it cost and why it failed; or all of one trial.

    Args:
        trial: the signature of a trial, or its beginning.

    Raises:
        ValueError: no trial has that signature, or several begin like that.
    """
    path = request.results / "ledger.db"
    if not path.exists():
        console.print(f"{path} does not exist: nothing was run with --out {request.results}")
        return 0
    with Ledger(path) as ledger:
        known = {record.signature: record for record in ledger.trials()}
    if trial is not None:
        return _show_trial(request, _found(known, trial), console)
    plan = request.plan(fingerprint_if_here(request, console))
    rows = Table(title=f"{request.study.name}, scale {request.scale.name}", title_justify="left")
    for heading in ("signature", "trial", "state", "iteration", "attempts", "worker-hours", "message"):
        rows.add_column(heading, overflow="fold")
    for planned in plan.trials:
        rows.add_row(*_row(request, planned, known.get(planned.signature)))
    console.print(rows)
    if any(record.state == "failed" for record in known.values()):
        console.print("--trial SIGNATURE prints a trial's attempts with their tracebacks.")
    return 0


def _row(request: Request, planned: PlannedTrial, record: TrialRecord | None) -> list[str | Text]:
    name = f"{planned.trial.config.trainable} {planned.name}"
    if record is None or not record.attempts:
        return [planned.signature, name, "missing"]
    last = record.attempts[-1]
    total = planned.trial.config.iterations
    at, words = record.iteration, _last_line(last.message)
    if record.state == "running":
        following = Following(request.results / "trials" / record.signature, last.number)
        following.refresh()
        at, words = following.iteration, following.words(total)
    return [
        planned.signature,
        name,
        Text(_state(last), style=STYLES.get(record.state, "")),
        f"{at}/{total}",
        str(len(record.attempts)),
        f"{record.worker_seconds / 3600:.2f}",
        Text(words),
    ]


def _show_trial(request: Request, record: TrialRecord, console: Console) -> int:
    console.print(Text(f"{record.signature}  {record.name}", style="bold"))
    console.print(f"folder {request.results / 'trials' / record.signature}")
    for attempt in record.attempts:
        parts = [
            f"attempt {attempt.number}: {_state(attempt)} at iteration {attempt.iteration}",
            f"{attempt.began} to {attempt.ended or 'now'}",
            f"{attempt.worker_seconds / 3600:.2f} worker-hours on {attempt.workers} worker(s) of {attempt.owner.host}",
        ]
        if attempt.split > 1:
            parts.append(f"micro-batches cut in {attempt.split}")
        console.print(Text(", ".join(parts), style=STYLES.get(attempt.state, "")))
        if attempt.message:
            console.print(Text(attempt.message.rstrip()))
    return 0


def _found(known: Mapping[str, TrialRecord], beginning: str) -> TrialRecord:
    found: Sequence[TrialRecord] = [
        record for signature, record in known.items() if signature.startswith(beginning)
    ]
    if len(found) != 1:
        raise ValueError(
            f"--trial must be the signature of one trial or its beginning, but {beginning!r} fits {len(found)} of "
            f"{len(known)}; --status lists them"
        )
    return found[0]


def _state(attempt: Attempt) -> str:
    cause = failure_class(attempt)
    return f"{attempt.state}: {cause.replace('_', ' ')}" if cause else attempt.state


def _last_line(message: str) -> str:
    return message.strip().splitlines()[-1] if message.strip() else ""
