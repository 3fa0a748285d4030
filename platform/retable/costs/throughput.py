"""Measured throughput of trials, read from their folders."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from retable.io.sealed import DamagedFile
from retable.store.formats.result import TrialResult
from retable.store.metrics_log import read

RECENT = 20
"""Number of the newest rates in a metrics log whose median is a running trial's throughput."""

CPU = "CPU"
"""First word of a CPU's device name; a GPU's begins otherwise."""


@dataclass(frozen=True)
class TrialThroughput:
    """Measured throughput of one trial.

    Attributes:
        iteration: last iteration that was trained.
        seconds: wall time of an update; None before the first.
        evaluation_seconds: wall time of a snapshot's evaluation; None if it is not known yet.
        workers: size of the worker group; None if the folder does not say.
        device: device name, such as ``CPU AMD EPYC 7B13 64-Core, 2 threads`` or ``Tesla V100-SXM2-32GB``; empty if the
            folder does not say.
    """

    iteration: int = 0
    seconds: float | None = None
    evaluation_seconds: float | None = None
    workers: int | None = None
    device: str = ""


def read_throughput(folder: Path) -> TrialThroughput:
    """Throughput of a trial: the mean of the whole trial if it has a result, else the newest of its metrics log.

    Args:
        folder: the trial's folder; it need not exist.
    """
    try:
        result = TrialResult.read(folder)
    except (OSError, DamagedFile):
        result = None
    return (result and throughput_of(result)) or _of_metrics_log(folder)


def throughput_of(result: TrialResult) -> TrialThroughput | None:
    """Mean throughput of a finished trial; None if its result, of an old version, does not give its iterations."""
    if result.iterations is None:
        return None
    iterations, snapshots = result.iterations, len(result.history)
    return TrialThroughput(
        iteration=iterations,
        seconds=result.train_seconds / iterations if iterations else None,
        evaluation_seconds=result.evaluation_seconds / snapshots if snapshots else None,
        workers=result.workers,
        device=result.device,
    )


def _of_metrics_log(folder: Path) -> TrialThroughput:
    """Throughput of a trial that has no result yet."""
    if not folder.is_dir():
        return TrialThroughput()
    points = [point for point in read(folder)[0] if point.key == "iterations_per_second" and point.value]
    if not points:
        return TrialThroughput()
    rates = [point.value or 0.0 for point in points[-RECENT:]]
    return TrialThroughput(iteration=max(point.iteration for point in points), seconds=1 / median(rates))


def most_common_device(throughputs: Sequence[TrialThroughput]) -> str:
    """Device that most trials were measured on; empty if none is known."""
    counts = Counter(one.device for one in throughputs if one.device)
    return counts.most_common(1)[0][0] if counts else ""
