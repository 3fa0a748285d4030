"""Calls the functions that configs name for their figures."""

from collections.abc import Iterable, Sequence

from retable.trial.config import TrialConfig
from retable.trial.entry_points import resolve
from retable.trial.figures import Figure, FiguresFunction, FinishedTrial, JointFiguresFunction, Progress


def trial_figures(finished: FinishedTrial, samples: int, progress: Progress) -> Iterable[Figure]:
    """Figures of a trial, drawn one after the other; none if its family has none.

    Args:
        samples: generated samples behind a measured curve.
        progress: called with (done, total).

    Raises:
        EntryPointError: its config names a function that is not there.
        NothingToDraw: (while they are drawn) the data set or a required trial is not there.
    """
    config = type(finished.trial.config)
    if not config.figures:
        return ()
    draw: FiguresFunction = resolve(config, "figures")
    return draw(finished, samples, progress)


def joint_figures(finished: Sequence[FinishedTrial], progress: Progress) -> Iterable[Figure]:
    """Figures of two or more trials of one class beside each other; none if their family has none.

    Args:
        finished: the trials, in the order of a study's tables.
        progress: called with (done, total).

    Raises:
        As `trial_figures`.
    """
    config: type[TrialConfig] = type(finished[0].trial.config)
    if not config.joint_figures:
        return ()
    draw: JointFiguresFunction = resolve(config, "joint_figures")
    return draw(finished, progress)
