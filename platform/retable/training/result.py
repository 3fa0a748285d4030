"""The result of a trial, made of what its training loop knows at the end."""

import logging
from collections.abc import Mapping
from pathlib import Path

import torch

from retable.costs.cache import CostCache
from retable.costs.device import device_name
from retable.io.sealed import DamagedFile
from retable.store.formats.description import TrialDescription
from retable.store.formats.result import Finished, TrialResult
from retable.training.progress import Progress
from retable.trial.config import TrialConfig
from retable.trial.learner import Best, Score
from retable.trial.run import Run
from retable.trial.trial import Trial

log = logging.getLogger(__name__)


def write_result(
    trial: Trial,
    config: TrialConfig,
    run: Run,
    progress: Progress,
    state: Finished,
    *,
    iteration: int,
    best: int | None,
    best_by: Best,
    scores: Mapping[str, Score],
    pieces_seconds: float,
) -> None:
    """Write the trial's result, which makes the trial finished. Only rank 0 calls it.

    Args:
        config: the trial's, with its micro-batches cut as this attempt cut them.
        iteration: at which training ended.
        best: iteration of the best snapshot; None where there is none.
        best_by: the rule that chose it.
        scores: of that snapshot, by protocol name.
        pieces_seconds: time in work in pieces.

    Raises:
        ValueError: a score is not finite.
        retable.io.files.DiskFull: there is no room.
    """
    TrialResult(
        signature=trial.signature,
        seed=trial.seed,
        state=state,
        best=best,
        best_by=best_by,
        iterations=iteration,
        collapsed_at=iteration if state == "collapsed" else None,
        scores=scores,
        history=progress.history,
        seconds=progress.seconds,
        splits=progress.splits,
        train_seconds=progress.train_seconds,
        evaluation_seconds=progress.evaluation_seconds,
        pieces_seconds=pieces_seconds,
        workers=run.world_size,
        device=device_name(run.device),
        peak_memory_mb=peak_memory_mb(run.device),
        gflops=_gflops(config),
        commit=_commit(run.folder),
    ).write(run.folder)


def peak_memory_mb(device: torch.device) -> float | None:
    """Most MiB that tensors took on the GPU since this attempt began; None on the CPU, where nobody counts them."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None


def _gflops(config: TrialConfig) -> float | None:
    """Multiply-accumulates of one update in 10⁹; None where the family can't count them. Planning has cached them."""
    cost = CostCache().of(config)
    return None if cost is None else cost.gflops(config.batch_size, config.accumulate)


def _commit(folder: Path) -> str:
    """The commit in the driver's description of the trial: a worker may have the code without its history."""
    try:
        description = TrialDescription.read(folder)
    except DamagedFile as error:  # the numbers are right without it
        log.warning("the result of trial %s names no commit: %s", folder.name, error)
        return ""
    return "" if description is None else description.commit
