"""Results of trials for a report, from their result files and the ledger's states."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retable.costs.throughput import CPU, TrialThroughput, throughput_of
from retable.io.sealed import DamagedFile
from retable.metrics.protocol import in_print
from retable.report.results.index import indexed
from retable.store.formats.result import TrialResult, agreed_result
from retable.store.records import FINISHED
from retable.trial.learner import Best, Score

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Result:
    """Result of one trial.

    Attributes:
        state: ``done``, ``collapsed``, ``missing``, ``unreadable``, or the ledger's state (``failed``, ``running``, …).
            The scores of a collapsed trial are those of its last good snapshot; tables show them and say so.
        scores: protocol name -> score.
        iteration: iteration of the best snapshot, whose scores these are.
        wall_seconds: time of training and evaluation, over all attempts. Work in partitions counts with the time that
            one worker would have taken for all of them.
        worker_seconds: time of training and evaluation times the workers of the last attempt, plus that of partitions.
        note: note for a table, such as ``collapsed at 400``, the reason of a failure, or a deviation from the declared
            training of a ``done`` trial.
        gpu_hours: `worker_seconds` in hours; None on CPUs.
        peak_memory_mb: peak memory of the first worker's tensors on its GPU in MiB; None on CPUs.
        gflops: multiply-accumulates of one update in 10⁹; None if they were not counted.
        commit: commit of the code that trained it, with ``-dirty`` if the checkout had changes.
        mlflow_run: id of the MLflow run.
        best_by: rule that chose the best snapshot, such as ``highest IS``; empty if there was no choice.
        history: iteration of each snapshot -> its metrics by protocol name.
        seconds: iteration of each snapshot -> training seconds until then; empty if they were not recorded.
        throughput: mean throughput and device; None without a result.
    """

    signature: str
    state: str
    seed: int | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)
    iteration: int | None = None
    wall_seconds: float | None = None
    worker_seconds: float | None = None
    note: str = ""
    gpu_hours: float | None = None
    peak_memory_mb: float | None = None
    gflops: float | None = None
    commit: str = ""
    mlflow_run: str = ""
    best_by: str = ""
    history: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)
    throughput: TrialThroughput | None = None

    @property
    def state_text(self) -> str:
        """Text of the state in a table."""
        if self.state in FINISHED:
            return self.note or self.state
        return "not run" if self.state in {"missing", "waiting"} else self.state


def load_results(
    results: Path,
    signatures: Iterable[str],
    states: Mapping[str, str] = _NONE,
    messages: Mapping[str, str] = _NONE,
    runs: Mapping[str, str] = _NONE,
    recorded: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Result]:
    """Load the results of trials from a results folder, through its index.

    Args:
        results: folder with the ledger and the trials.
        signatures: trials to load.
        states: signature -> state in the ledger, for trials without a result.
        messages: signature -> reason of that state.
        runs: signature -> id of the MLflow run.
        recorded: signature -> the ledger's copy of the result, used for trials without a folder and to check the files.

    Returns:
        Signature -> result, for all `signatures`.
    """
    return parse_results(indexed(results), signatures, states, messages, runs, recorded)


def parse_results(
    contents: Mapping[str, bytes],
    signatures: Iterable[str],
    states: Mapping[str, str],
    messages: Mapping[str, str],
    runs: Mapping[str, str] = _NONE,
    recorded: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Result]:
    """Parse the content of result files; arguments as in `load_results`.

    A damaged result makes its own trial ``unreadable`` and affects no other.
    """
    outcomes = {}
    for signature in signatures:
        state = states.get(signature, "missing")
        try:
            found = agreed_result(signature, contents.get(signature), recorded.get(signature))
        except DamagedFile as error:
            outcomes[signature] = Result(signature, "unreadable", note=str(error))
            continue
        if found is not None:
            outcomes[signature] = replace(_outcome(found), mlflow_run=runs.get(signature, ""))
        elif state in FINISHED:  # the result is lost: there is no number to show
            outcomes[signature] = Result(signature, "missing")
        else:
            outcomes[signature] = Result(signature, state, note=messages.get(signature, ""))
    return outcomes


def _outcome(result: TrialResult) -> Result:
    """Result for a report, made of a result file."""
    wall_seconds = result.train_seconds + result.evaluation_seconds
    worker_seconds = wall_seconds * result.workers + result.pieces_seconds
    return Result(
        signature=result.signature,
        state=result.state,
        seed=result.seed,
        scores=result.scores,
        iteration=result.best,
        best_by=_best_by(result.best_by) if result.iterations else "",
        wall_seconds=wall_seconds + result.pieces_seconds,
        worker_seconds=worker_seconds,
        note=_note(result),
        gpu_hours=None if result.device.startswith(CPU) else worker_seconds / 3600,
        peak_memory_mb=result.peak_memory_mb,
        gflops=result.gflops,
        commit=result.commit,
        history=result.history,
        seconds=result.seconds,
        throughput=throughput_of(result),
    )


def _note(result: TrialResult) -> str:
    """Note on a collapse and on micro-batches that were split for want of memory, which changes batch statistics."""
    splits = max(result.splits.values(), default=1)
    notes = [f"collapsed at {result.collapsed_at}"] if result.state == "collapsed" else []
    if splits > 1:
        how = "halved" if splits == 2 else f"cut in {splits}"
        notes.append(f"micro-batch {how}: {splits}× accumulate, for want of memory")
    return ", ".join(notes)


def _best_by(rule: Best | None) -> str:
    if rule is None:
        return ""
    return f"{'highest' if rule.mode == 'max' else 'lowest'} {in_print(rule.metric)}"
