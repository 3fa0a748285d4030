"""Training: the missing trials of a request are run, and its tables are printed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from retable.cli.actions.preparation import prepare
from retable.cli.actions.tables import report, show_searches
from retable.cli.arguments.request import Request, states_and_messages
from retable.cli.arguments.study_file import loaded_files
from retable.evaluation.pretrained import PretrainedConfig, place_weights, read_weights
from retable.execution.retries import failure_class
from retable.io.files import make_folder
from retable.planning.plan import Plan, PlannedTrial
from retable.report.plan.rows import row_tables
from retable.report.results.numbers import counted
from retable.store.formats.layout import ResultsFolder
from retable.store.ledger import FINISHED, Ledger

if TYPE_CHECKING:
    from retable.execution.execution import Execution

__all__ = ["prepare", "run", "train"]


def run(request: Request, console: Console) -> int:
    """Train the missing trials, then print and export the tables."""
    root, plan = prepare(request, console)
    return train(request, plan, root, console)


def train(request: Request, plan: Plan[Any], root: Path, console: Console) -> int:
    """Train the missing trials of a plan, then print and export its tables.

    Args:
        root: the data set, prepared.

    Returns:
        The exit code: 1 if a trial did not finish, 130 if the run was stopped.
    """
    final, stopped = _execute(request, plan, root, console)
    ended = set(FINISHED)
    if request.study.searches:
        plan = request.plan(plan.data)  # with the points suggested, and the winners
        final = {**states_and_messages(request.records())[0], **final}
        ended.add("pruned")
    code = report(request, plan, console)
    unfinished = {p: final.get(p.signature, "missing") for p in plan.trials}
    unfinished = {p: state for p, state in unfinished.items() if state not in ended}
    if not unfinished:
        return code
    _print_unfinished(request, unfinished, console)
    return 130 if stopped or "stopped" in unfinished.values() else 1


def _print_unfinished(request: Request, unfinished: Mapping[PlannedTrial, str], console: Console) -> None:
    """Print the trials that are not finished, and the command that goes on."""
    records = request.records()
    descriptions, resumed, retry_needed = [], False, False
    for planned, state in unfinished.items():
        record = records.get(planned.signature)
        cause = failure_class(record.attempts[-1]) if record and record.attempts else None
        if state == "failed" and record and cause:
            descriptions.append(f"{planned.name} (failed: {cause.replace('_', ' ')})")
            taken_up = request.retries.take_up(record)
            resumed, retry_needed = resumed or taken_up, retry_needed or not taken_up
        else:
            descriptions.append(f"{planned.name} ({state})")
            resumed = resumed or state != "blocked"
    console.print(Text(f"Not finished: {', '.join(descriptions)}"))
    if resumed:
        console.print("Run the same command again to go on; what is finished is not trained again.")
    if retry_needed:
        console.print(
            "`status` shows why trials failed. When the cause is mended, `retry` trains them again."
        )


def _execute(request: Request, plan: Plan[Any], root: Path, console: Console) -> tuple[dict[str, str], bool]:
    """Train the missing trials, and deliver what MLflow lacks.

    Returns:
        The state of each trial, and whether the run was stopped.
    """
    from retable.cli.actions.live.view import LiveView
    from retable.execution.execution import Execution
    from retable.execution.sync import Storage
    from retable.tracking.observer import TrackingObserver

    make_folder(request.results)
    live_view = LiveView(console)
    with (
        Ledger(ResultsFolder(request.results).ledger) as ledger,
        TrackingObserver(request.results, plan, console) as tracking,
    ):
        storage = Storage.of(request.results)
        observers = (live_view, tracking) if storage is None else (storage, live_view, tracking)
        execution = Execution(
            plan, request.results.resolve(), root, ledger, observers, request.retries, storage=storage
        )
        _load_pretrained(request, execution)
        if request.study.searches:
            known: dict[str, str] = {record.signature: record.state for record in ledger.trials()}
            show_searches(request, plan.data, known, console)
        else:
            _announce(plan, execution, console)
        tracking.catch_up({record.signature: record.state for record in ledger.trials()})
        with storage.driving(ledger) if storage else nullcontext(), _searching(request, execution, console):
            if execution.waiting:
                with live_view.watching(execution):
                    _runner(request)(execution)
        return execution.states, execution.stopping


def _announce(plan: Plan[Any], execution: "Execution", console: Console) -> None:
    """Print the number of trials to train, and the rows of the tables."""
    states = Counter(execution.states.values())
    failed = f", {states['failed']} failed before" if states["failed"] else ""
    console.print(
        f"{counted(len(plan.trials), 'trial')} for table{'s' * (len(plan.tables) > 1)} {', '.join(plan.tables)}: "
        f"{sum(states[state] for state in FINISHED)} finished, {states['waiting']} to train{failed}."
    )
    if states["waiting"]:
        for rows in row_tables(plan):
            console.print(rows, "")


def _load_pretrained(request: Request, execution: "Execution") -> None:
    """Copy the user's pretrained networks into the folders of their trials."""
    files = {
        read_weights(file).hash: file for file in (request.classifier, request.encoder) if file is not None
    }
    for planned in execution.plan.trials:
        config = planned.trial.config
        waiting = execution.states[planned.signature] == "waiting"
        if waiting and isinstance(config, PretrainedConfig) and config.weights in files:
            place_weights(files[config.weights], execution.folder(planned.signature))


@contextmanager
def _searching(request: Request, execution: "Execution", console: Console) -> Iterator[None]:
    """Let the study's searches, if it has any, suggest trials while the body runs."""
    if not request.study.searches:
        yield
        return
    from retable.search.controller import SearchController, search_lock
    from retable.search.optuna import OptunaStorage

    url = request.storage or f"sqlite:///{ResultsFolder(request.results.resolve()).optuna_database}"
    with (
        search_lock(ResultsFolder(request.results).search(request.study.name)),
        closing(OptunaStorage(url)) as storage,
    ):
        SearchController(
            execution,
            request.tunings(execution.plan.data),
            storage,
            execution.plan.seeds,
            lambda message: console.print(Text(message, style="yellow")),
        )
        yield
        console.print(Text(f"To look at the search: optuna-dashboard {storage.place}"))


def _runner(request: Request) -> "Callable[[Execution], None]":
    """The function that trains a plan: on Ray, or in this process."""
    if request.local:
        from retable.execution import local

        return local.run_plan
    from retable.cluster.connection.connect import pickle_by_value
    from retable.cluster.run import run_plan

    pickle_by_value(loaded_files())
    return partial(
        run_plan,
        workers=request.workers,
        address=request.address,
        gpus=request.gpus,
        wait_minutes=request.wait_minutes,
    )
