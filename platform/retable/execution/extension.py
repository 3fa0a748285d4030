"""Extension of a trained trial: a longer training continues a shorter one where both are the same up to there."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retable.io.files import write_json
from retable.planning.plan import Plan
from retable.store import checkpoint, metrics_log
from retable.store.formats.layout import TrialFolder
from retable.store.records import FINISHED, TrialRecord
from retable.trial.trial import Trial


@dataclass(frozen=True)
class Start:
    """The start of a longer training.

    Attributes:
        shorter: signature of the trial that it continues.
        iteration: of the checkpoint that it goes on from.
        checkpoints: that one, and the best snapshot so far if it is another: the oldest first.
    """

    shorter: str
    iteration: int
    checkpoints: tuple[checkpoint.Checkpoint, ...]


def start_of(trial: Trial, records: Iterable[TrialRecord], trials: Path) -> Start | str:
    """The latest checkpoint of a shorter training that the trial itself would have reached, to the bit.

    Args:
        records: the ledger's trials; those that some process is training are left alone.
        trials: folder of the trials' folders.

    Returns:
        The start, or the reason why there is none; empty where nothing shorter was trained.
    """
    known = [record for record in _shorter(trial, records) if (trials / record.signature).is_dir()]
    if known and (bound := trial.config.bound_to_iterations()):
        return bound
    why = ""
    for record in known:
        if record.state == "running":
            why = why or f"{record.signature} is being trained now"
            continue
        for found in checkpoint.sound(trials / record.signature, record.signature):
            chosen = _with_best(found, trial, trials / record.signature)
            if chosen is not None:
                return Start(record.signature, found.iteration, chosen)
        why = why or f"{record.signature} has no checkpoint left that holds all that a longer training would"
    return why


def carry(start: Start, trials: Path, trial: Trial, attempt: int) -> None:
    """Copy the start's checkpoints into the trial's folder, under the trial's own signature.

    Calling it twice changes nothing. The fence has to be set after `carry_metrics` and before this.
    """
    folder = trials / trial.signature
    for source in start.checkpoints:
        checkpoint.adopt(source, folder, signature=trial.signature, attempt=attempt)
    write_json(TrialFolder(folder).continues, {"signature": start.shorter, "iteration": start.iteration})


def carry_metrics(start: Start, trials: Path, trial: Trial) -> None:
    """Copy the shorter training's metrics up to the start into the trial's folder, as those of an attempt 0."""
    metrics_log.inherit(trials / start.shorter, trials / trial.signature, until=start.iteration)


def why_restarted(plan: Plan[Any], records: Iterable[TrialRecord], trials: Path) -> dict[str, str]:
    """Trials that would be trained from the start although they were trained shorter, or longer: name -> reason."""
    known = {record.signature: record for record in records}
    reasons = {}
    for planned in plan.trials:
        record = known.get(planned.signature)
        if record is None or record.state not in FINISHED:
            start = start_of(planned.trial, known.values(), trials)
            if isinstance(start, str) and (why := start or _trained_longer(planned.trial, known.values())):
                reasons[planned.name] = why
    return reasons


def _trained_longer(trial: Trial, records: Iterable[TrialRecord]) -> str:
    """The reason for a trial that was trained to its end for more iterations than this; empty if it was not."""
    own = trial.config.iterations
    longer = [n for n, record in _of_other_lengths(trial, records) if n > own and record.state in FINISHED]
    return f"it was trained for {min(longer)} iterations already" if longer else ""


def _shorter(trial: Trial, records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Trials that differ from this one by fewer iterations only, the longest first."""
    found = [pair for pair in _of_other_lengths(trial, records) if pair[0] < trial.config.iterations]
    return [record for _, record in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _of_other_lengths(trial: Trial, records: Iterable[TrialRecord]) -> Iterator[tuple[int, TrialRecord]]:
    """Trials that differ from this one by nothing but their iterations, with their iterations; itself among them."""
    wanted, _ = _without_iterations(json.loads(json.dumps(trial.identity)))
    for record in records:
        rest, iterations = _without_iterations(record.identity)
        if rest == wanted:
            yield iterations, record


def _without_iterations(identity: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    config = dict(identity["config"])
    iterations = config.pop("iterations", 0)
    return {**identity, "config": config}, iterations


def _with_best(
    found: checkpoint.Checkpoint, trial: Trial, folder: Path
) -> tuple[checkpoint.Checkpoint, ...] | None:
    """The checkpoint and the best one so far; None if a longer training would not have reached them.

    The last snapshot of a training is out of turn where its length is no multiple of `snapshot_every`. And when it
    became the best one, the best before it may have been removed.
    """
    if found.metrics and found.iteration % trial.config.snapshot_every:
        return None
    if found.best in (None, found.iteration):
        return (found,)
    assert found.best is not None
    try:
        return checkpoint.at(folder, found.best, found.signature), found
    except (FileNotFoundError, checkpoint.Corrupt):
        return None
