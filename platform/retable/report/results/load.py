"""Outcomes of trials for a report, from their results and the ledger's states."""

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
    """The trials' outcomes from a folder of results, by its index.

    Args:
        results: the folder of the ledger and the trials.
        states: state in the ledger of trials without a result, by signature.
        messages: reason of that state, by signature.
        runs: the tracker's ids of them, by signature.
        recorded: the ledger's copies of results, by signature: for trials whose folders are gone, and to compare with the
            files.
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
    """The trials' outcomes from the contents of their result files, by signature.

    A damaged result makes its own trial ``unreadable``; it hides no other.
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
        elif state in FINISHED:  # its result is gone: there is no number to show
            outcomes[signature] = Result(signature, "missing")
        else:
            outcomes[signature] = Result(signature, state, note=messages.get(signature, ""))
    return outcomes


def _outcome(result: TrialResult) -> Result:
    together = result.train_seconds + result.evaluation_seconds
    worker_seconds = together * result.workers + result.pieces_seconds
    return Result(
        signature=result.signature,
        state=result.state,
        seed=result.seed,
        scores=result.scores,
        iteration=result.best,
        best_by=_best_by(result.best_by) if result.iterations else "",
        wall_seconds=together + result.pieces_seconds,
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
    """Remarks on the number for its reader: a collapse, and batch statistics that differ from those of the config."""
    parts = max(result.splits.values(), default=1)
    notes = [f"collapsed at {result.collapsed_at}"] if result.state == "collapsed" else []
    if parts > 1:
        how = "halved" if parts == 2 else f"cut in {parts}"
        notes.append(f"micro-batch {how}: {parts}× accumulate, for want of memory")
    return ", ".join(notes)


def _best_by(rule: Best | None) -> str:
    if rule is None:
        return ""
    return f"{'highest' if rule.mode == 'max' else 'lowest'} {in_print(rule.metric)}"
