"""What became of each trial, as far as a report needs it: read from the trials' ``result.json``."""

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
    """The outcome of one trial.

    Attributes:
        state: ``done``, ``collapsed``, ``missing``, ``unreadable``, or what the ledger says (``failed``,
            ``running``, …). A collapsed trial's scores are those of its last
            good snapshot; a table shows them and says so.
        scores: by protocol name.
        iteration: the best snapshot, at which the scores were taken.
        wall_seconds: time in training and evaluation, over all attempts. Of work in pieces it is what one worker would have
            taken for all of them, however many shared them.
        worker_seconds: training and evaluation times the workers of the last attempt, and pieces.
        note: what there is to say, such as ``collapsed at 400`` or why it failed; of a ``done`` trial, how it was trained
            otherwise than declared.
        gpu_hours: `worker_seconds` in hours; None where it ran on CPUs.
        peak_memory_mb: most MiB that the first worker's tensors took on its GPU; None where it had none.
        gflops: multiply-accumulates of one update in 10⁹, where they were counted.
        commit: of the code that made it, with ``-dirty`` where the checkout was changed.
        mlflow_run: the tracker's id of it.
        best_by: what made `iteration` the best, such as ``highest IS``; empty where there was nothing to choose from.
        history: iteration of each snapshot -> its metrics by protocol name.
        seconds: iteration of each snapshot -> training seconds until then; empty where nobody kept them.
        speed: how fast it was and on what; None where it has no result.
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
    speed: TrialThroughput | None = None

    @property
    def words(self) -> str:
        """The state in a table's words."""
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
    """The trials' outcomes from a folder of results: ``trials/<signature>/result.json``, by its index.

    Args:
        results: the folder of the ledger and the trials.
        states: what the ledger says of trials without a result, by signature.
        messages: why, by signature.
        runs: the tracker's ids of them, by signature.
        recorded: the ledger's copies of results, for trials whose folders are gone, by signature.
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
    """The trials' outcomes from what their ``result.json`` hold, by signature.

    One that can't be read makes its own trial ``unreadable``; it hides no other.
    """
    outcomes = {}
    for signature in signatures:
        state = states.get(signature, "missing")
        if signature in contents:
            outcomes[signature] = replace(
                _parsed(contents[signature], signature), mlflow_run=runs.get(signature, "")
            )
        elif state in FINISHED:  # its result is gone: there is no number to show
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
    together = float(content["train_seconds"]) + float(content["evaluation_seconds"])
    pieces = float(content.get("pieces_seconds", 0.0))
    worker_seconds = together * int(content["workers"]) + pieces
    return Result(
        signature=signature,
        state=content["state"],
        seed=int(content["seed"]),
        scores={name: _score(score) for name, score in content["scores"].items()},
        iteration=None if content["best"] is None else int(content["best"]),
        best_by=_best_by(content.get("best_by")) if content.get("iterations") else "",
        wall_seconds=together + pieces,
        worker_seconds=worker_seconds,
        note=_note(content),
        gpu_hours=None if content["device"].startswith(CPU) else worker_seconds / 3600,
        peak_memory_mb=content.get("peak_memory_mb"),
        gflops=content.get("gflops"),
        commit=content.get("commit") or "",
        history={int(iteration): metrics for iteration, metrics in content.get("history", {}).items()},
        seconds={int(iteration): float(at) for iteration, at in content.get("seconds", {}).items()},
        speed=throughput_of(content) if "iterations" in content else None,
    )


def _note(content: Mapping[str, Any]) -> str:
    """What a reader of the number has to know: a collapse, and batch statistics that are not those asked for."""
    parts = max(content.get("splits", {}).values(), default=1)
    notes = [f"collapsed at {content['collapsed_at']}"] if content["state"] == "collapsed" else []
    if parts > 1:
        how = "halved" if parts == 2 else f"cut in {parts}"
        notes.append(f"micro-batch {how}: {parts}× accumulate, for want of memory")
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
