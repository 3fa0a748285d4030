"""How fast trials were, read from their folders."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from retable.io.sealed import DamagedFile
from retable.store.formats.result import TrialResult
from retable.store.metrics_log import read

RECENT = 20
"""Of the newest speeds in a trial's outbox, whose median counts."""

CPU = "CPU"
"""How the name of a CPU begins; a GPU's does not."""


@dataclass(frozen=True)
class TrialThroughput:
    """What was measured of one trial.

    Attributes:
        iteration: how far it was.
        seconds: wall time of an update; None before the first.
        evaluation_seconds: wall time of a snapshot's evaluation; None while that is not known.
        workers: in the worker group; None where the folder does not say.
        device: such as ``CPU AMD EPYC 7B13 64-Core, 2 threads`` or ``Tesla V100-SXM2-32GB``; empty where the folder does
            not say.
    """

    iteration: int = 0
    seconds: float | None = None
    evaluation_seconds: float | None = None
    workers: int | None = None
    device: str = ""


def measured(folder: Path) -> TrialThroughput:
    """The speed of a trial: over all of it where it has a result, else by the newest words of its outbox.

    Args:
        folder: the trial's; it need not be there.
    """
    try:
        result = TrialResult.read(folder)
    except (OSError, DamagedFile):
        result = None
    return (result and throughput_of(result)) or _so_far(folder)


def throughput_of(result: TrialResult) -> TrialThroughput | None:
    """The speed over all of a trial; None if its result, of an old version, does not give its iterations."""
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


def _so_far(folder: Path) -> TrialThroughput:
    if not folder.is_dir():
        return TrialThroughput()
    points = [point for point in read(folder)[0] if point.key == "iterations_per_second" and point.value]
    if not points:
        return TrialThroughput()
    rates = [point.value or 0.0 for point in points[-RECENT:]]
    return TrialThroughput(iteration=max(point.iteration for point in points), seconds=1 / median(rates))


def most_common_device(speeds: Sequence[TrialThroughput]) -> str:
    """The device that most were measured on; empty if none says."""
    counts = Counter(speed.device for speed in speeds if speed.device)
    return counts.most_common(1)[0][0] if counts else ""
