"""What the command line does to train: run what is missing, retry what failed, extend what was trained."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from retable.cli.commands.plan import show_searches
from retable.cli.commands.request import ABSENT, Request, ledger_states
from retable.cli.commands.tables import report
from retable.data.datasets import locate
from retable.evaluation.pretrained import PretrainedConfig, place_weights, read_weights
from retable.execution.restart import restart
from retable.execution.retries import CAUSES, failure_class
from retable.io.console import progress_bar
from retable.planning.plan import Plan, PlannedTrial
from retable.report.plan.rows import row_tables
from retable.report.results.numbers import counted
from retable.store.formats.layout import ResultsFolder
from retable.store.ledger import FINISHED, Ledger
from retable.store.records import find

if TYPE_CHECKING:
    from retable.execution.execution import Execution


def retry(request: Request, console: Console, trial: str | None = None) -> int:
    """`run`, and what failed is begun again: the classes of ``request.retries.asked``, all of them if it is empty.

    Args:
        trial: signature, or its beginning, of a finished trial to train from its start again.

    Raises:
        ValueError: no trial has that signature, several begin like that, or it is not this study's.
    """
    asked = request.retries.asked or frozenset(CAUSES)
    request = replace(request, retries=replace(request.retries, asked=asked))
    root, plan = _prepared(request, console)
    if trial is not None:
        _restart(request, plan, trial, console)
    return _run(request, plan, root, console)


def extend(request: Request, console: Console) -> int:
    """`run` with more seeds, or longer: what was trained shorter goes on from its last checkpoint.

    Raises:
        ValueError: neither was asked for, or longer training would be no continuation of what there is.
    """
    from retable.execution.extension import why_restarted

    if request.scale.iterations is None and request.seeds is None:
        raise ValueError(
            "say by how much to extend: --iterations N for longer training, --seeds 0,1,2 for more seeds"
        )
    root, plan = _prepared(request, console)
    if request.scale.iterations is not None:
        with Ledger(ResultsFolder(request.results).ledger) as ledger:
            reasons = why_restarted(plan, ledger.trials(), ResultsFolder(request.results).trials)
        if reasons:
            told = "\n".join(f"  {name}: {why}" for name, why in reasons.items())
            raise ValueError(
                f"these can't go on from what was trained:\n{told}\n"
                f"`run --iterations {request.scale.iterations}` trains them from the start"
            )
    return _run(request, plan, root, console)


def run(request: Request, console: Console) -> int:
    """Train what is missing, then print and export the tables."""
    root, plan = _prepared(request, console)
    return _run(request, plan, root, console)


def _restart(request: Request, plan: Plan[Any], trial: str, console: Console) -> None:
    """Make a finished trial one that this run begins."""
    from retable.execution.sync import Storage

    if Storage.of(request.results) is not None:
        raise ValueError(
            "a finished trial can't be trained again where results live under a URL, for every node has a copy of it: "
            "name a new place with --out"
        )
    if not (ResultsFolder(request.results).ledger).exists():
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
            f"Trial {record.signature} ({record.name}) is trained from its start again; what it left is in {aside}. Trials "
            "that learned from it and are finished stay as they are. To go on later leave --trial away."
        )
    )


def _run(request: Request, plan: Plan[Any], root: Path, console: Console) -> int:
    final, stopped = _train(request, plan, root, console)
    ended = set(FINISHED)
    if request.study.searches:
        plan = request.plan(plan.data)  # with what was asked, and the winners
        final = {**ledger_states(request)[0], **final}
        ended.add("pruned")
    code = report(request, plan, console)
    unfinished = {p: final.get(p.signature, "missing") for p in plan.trials}
    unfinished = {p: state for p, state in unfinished.items() if state not in ended}
    if not unfinished:
        return code
    _tell(request, unfinished, console)
    return 130 if stopped or "stopped" in unfinished.values() else 1


def _tell(request: Request, unfinished: Mapping[PlannedTrial, str], console: Console) -> None:
    """Print which trials are not finished, and what to do about them."""
    with Ledger(ResultsFolder(request.results).ledger) as ledger:
        records = {record.signature: record for record in ledger.trials()}
    words, again, asking = [], False, False
    for planned, state in unfinished.items():
        record = records.get(planned.signature)
        cause = failure_class(record.attempts[-1]) if record and record.attempts else None
        if state == "failed" and record and cause:
            words.append(f"{planned.name} (failed: {cause.replace('_', ' ')})")
            taken_up = request.retries.take_up(record)
            again, asking = again or taken_up, asking or not taken_up
        else:
            words.append(f"{planned.name} ({state})")
            again = again or state != "blocked"
    console.print(Text(f"Not finished: {', '.join(words)}"))
    if again:
        console.print("Run the same command again to go on; what is finished is not trained again.")
    if asking:
        console.print("--status shows why trials failed; when that is mended, --retry begins them again.")


def _prepared(request: Request, console: Console) -> tuple[Path, Plan[Any]]:
    """The data set on this machine in the form that training reads, and the plan of what can be trained on it.

    Raises:
        DataError: none of the trials can be trained on it, or not those of a search.
    """
    from retable.data.decode.errors import DataError
    from retable.data.scan.catalog import scan
    from retable.planning.compatibility import Compatibility

    console.print(
        Text(f"{request.study.paper}", style="bold"),
        f"· scale {request.scale.name} · results in {request.results}",
    )
    obstacles = _obstacles(request.plan(ABSENT))  # told before the data set is touched
    if obstacles:
        console.print(
            Text(
                f"{counted(len(obstacles), 'cell')} can't run: {'; '.join(dict.fromkeys(obstacles))}",
                style="yellow",
            )
        )
    with progress_bar(console, f"Data set {request.scale.data}") as progress:
        root = locate(request.scale.data, request.data, progress)
    with progress_bar(console, "Looking at its files") as progress:
        catalog = scan(root, frames=1, progress=progress)  # each config says what it needs
    plan = request.plan(catalog.fingerprint, winners=False)
    notices: dict[str, None] = {}
    to_come = [planned for tuning in request.tunings(plan.data) for planned in tuning.base]
    fitting = Compatibility(catalog)
    if reason := next(
        filter(None, (fitting.incompatibility(planned.trial.config) for planned in to_come)), ""
    ):
        raise DataError(reason)
    plan, reasons = fitting.possible(plan)
    if reasons:
        told = "; ".join(dict.fromkeys(reasons.values()))
        console.print(Text(f"{counted(len(reasons), 'trial')} can't be trained: {told}", style="yellow"))
    for config in dict.fromkeys(planned.trial.config for planned in (*plan.trials, *to_come)):
        with progress_bar(console, "Decoding its files") as progress:
            notices[config.prepare(root, progress)] = None
    for notice in filter(None, notices):
        console.print(Text(notice, style="yellow"))
    return root, plan


def _obstacles(plan: Plan[Any]) -> list[str]:
    """Why cells of the plan can't run, one reason a cell.

    Raises:
        ValueError: none of them can.
    """
    obstacles = [cell.obstacle for cell in plan.cells() if cell.obstacle]
    if obstacles and not plan.trials:
        raise ValueError(f"no cell can run: {'; '.join(dict.fromkeys(obstacles))}")
    return obstacles


def _train(request: Request, plan: Plan[Any], root: Path, console: Console) -> tuple[dict[str, str], bool]:
    """Train what is missing, and bring MLflow up to date. Returns each trial's state, and whether it was told to stop."""
    from retable.cli.commands.live import LiveView
    from retable.execution.execution import Execution
    from retable.execution.sync import Storage
    from retable.tracking.observer import TrackingObserver

    request.results.mkdir(parents=True, exist_ok=True)
    board = LiveView(console)
    with (
        Ledger(ResultsFolder(request.results).ledger) as ledger,
        TrackingObserver(request.results, plan, console) as showing,
    ):
        storage = Storage.of(request.results)
        observers = (board, showing) if storage is None else (storage, board, showing)
        execution = Execution(
            plan, request.results.resolve(), root, ledger, observers, request.retries, storage=storage
        )
        _bring(request, execution)
        if request.study.searches:
            known: dict[str, str] = {record.signature: record.state for record in ledger.trials()}
            show_searches(request, plan.data, known, console)
        else:
            _announce(plan, execution, console)
        showing.catch_up({record.signature: record.state for record in ledger.trials()})
        with storage.driving(ledger) if storage else nullcontext(), _searching(request, execution, console):
            if execution.waiting:
                with board.watching(execution):
                    _runner(request)(execution)
        return execution.states, execution.stopping


def _announce(plan: Plan[Any], execution: "Execution", console: Console) -> None:
    """Print what is to be trained, and the rows that it fills."""
    states = Counter(execution.states.values())
    failed = f", {states['failed']} failed before" if states["failed"] else ""
    console.print(
        f"{counted(len(plan.trials), 'trial')} for table{'s' * (len(plan.tables) > 1)} {', '.join(plan.tables)}: "
        f"{sum(states[state] for state in FINISHED)} finished, {states['waiting']} to train{failed}."
    )
    if states["waiting"]:
        for rows in row_tables(plan):
            console.print(rows, "")


def _bring(request: Request, execution: "Execution") -> None:
    """Put the networks that the user brought where their trials find them."""
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
    """Let the study's searches, if it has any, propose trials while the body runs."""
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
    """What trains a plan: Ray, or this process."""
    if request.local:
        from retable.execution import local

        return local.run_plan
    from retable.cluster.run import run_plan

    return partial(
        run_plan,
        workers=request.workers,
        address=request.address,
        gpus=request.gpus,
        wait_minutes=request.wait_minutes,
    )
