"""Results of trials, read from their ``result.json``."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retable.costs.throughput import CPU, TrialThroughput, throughput_of
from retable.metrics.protocol import in_print
from retable.report.results.index import indexed
from retable.trial.learner import Score

FINISHED = frozenset({"done", "collapsed"})
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
        messages: signature -> message of the failure.
        runs: signature -> id of the MLflow run.
        recorded: signature -> the ledger's copy of the result, for trials without a folder.

    Returns:
        Signature -> result, for all `signatures`.
    """
    kept = {signature: json.dumps(result).encode() for signature, result in recorded.items()}
    return parse_results({**kept, **indexed(results)}, signatures, states, messages, runs)


def parse_results(
    contents: Mapping[str, bytes],
    signatures: Iterable[str],
    states: Mapping[str, str],
    messages: Mapping[str, str],
    runs: Mapping[str, str] = _NONE,
) -> dict[str, Result]:
    """Parse the content of ``result.json`` files; arguments as in `load_results`.

    An invalid file makes its own trial ``unreadable`` and affects no other.
    """
    outcomes = {}
    for signature in signatures:
        state = states.get(signature, "missing")
        if signature in contents:
            outcomes[signature] = replace(
                _parsed(contents[signature], signature), mlflow_run=runs.get(signature, "")
            )
        elif state in FINISHED:  # the result is lost: there is no number to show
            outcomes[signature] = Result(signature, "missing")
        else:
            outcomes[signature] = Result(signature, state, note=messages.get(signature, ""))
    return outcomes


def _parsed(content: bytes, signature: str) -> Result:
    try:
        return _parse(content.decode(), signature)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        note = f"trials/{signature}/result.json: {type(error).__name__}: {error}"
        return Result(signature, "unreadable", note=note)


def _parse(text: str, signature: str) -> Result:
    content = json.loads(text, parse_constant=_refuse)
    if content["signature"] != signature:
        raise ValueError(f"it is the result of trial {content['signature']}, expected {signature}")
    if content["state"] not in FINISHED:
        raise ValueError(f"state must be one of {sorted(FINISHED)}, but got {content['state']!r}")
    wall_seconds = float(content["train_seconds"]) + float(content["evaluation_seconds"])
    in_partitions = float(content.get("pieces_seconds", 0.0))
    worker_seconds = wall_seconds * int(content["workers"]) + in_partitions
    return Result(
        signature=signature,
        state=content["state"],
        seed=int(content["seed"]),
        scores={name: _score(score) for name, score in content["scores"].items()},
        iteration=None if content["best"] is None else int(content["best"]),
        best_by=_best_by(content.get("best_by")) if content.get("iterations") else "",
        wall_seconds=wall_seconds + in_partitions,
        worker_seconds=worker_seconds,
        note=_note(content),
        gpu_hours=None if content["device"].startswith(CPU) else worker_seconds / 3600,
        peak_memory_mb=content.get("peak_memory_mb"),
        gflops=content.get("gflops"),
        commit=content.get("commit") or "",
        history={int(iteration): metrics for iteration, metrics in content.get("history", {}).items()},
        seconds={int(iteration): float(at) for iteration, at in content.get("seconds", {}).items()},
        throughput=throughput_of(content) if "iterations" in content else None,
    )


def _note(content: Mapping[str, Any]) -> str:
    """Note on a collapse and on micro-batches that were split for want of memory, which changes batch statistics."""
    splits = max(content.get("splits", {}).values(), default=1)
    notes = [f"collapsed at {content['collapsed_at']}"] if content["state"] == "collapsed" else []
    if splits > 1:
        how = "halved" if splits == 2 else f"cut in {splits}"
        notes.append(f"micro-batch {how}: {splits}× accumulate, for want of memory")
    return ", ".join(notes)


def _best_by(rule: Mapping[str, str] | None) -> str:
    if rule is None:
        return ""
    return f"{'highest' if rule['mode'] == 'max' else 'lowest'} {in_print(rule['metric'])}"


def _score(content: Mapping[str, float | None]) -> Score:
    value, std, repeats = content["value"], content["std"], content["repeats"]
    if value is None or repeats is None:
        raise ValueError(f"a score must have a value and repeats, but got {dict(content)}")
    return Score(float(value), None if std is None else float(std), int(repeats))


def _refuse(constant: str) -> float:
    raise ValueError(f"a score must be finite, but got {constant}")
