"""Figures of finished trials: what a family returns, and what it gets to draw them from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from retable.trial.trial import Trial

if TYPE_CHECKING:
    import torch

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


class Figure(Protocol):
    """One figure.

    Attributes:
        name: stem of its files.
        caption: content of the figure, and what the paper leaves unsaid about it.
    """

    @property
    def name(self) -> str: ...
    @property
    def caption(self) -> str: ...

    def write(self, folder: Path, stamp: str = "") -> list[Path]:
        """Draw it into files of that folder, each replaced whole.

        Args:
            stamp: trial, scale and iteration, for stills and plots to show.

        Raises:
            OSError: the folder can't be written.
        """
        ...


class FinishedTrial(Protocol):
    """A finished trial at its best snapshot, as a family's figures see it.

    Attributes:
        trial: config, seed and data set.
        name: of the trial beside others.
        folder: of the trial.
        trained_on: workers and device of its training, such as ``2 × Tesla V100-SXM2-32GB``.
        train_seconds: wall seconds of its training.
        iteration: of the snapshot.
        device: where to draw.
    """

    @property
    def trial(self) -> Trial: ...
    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def trained_on(self) -> str: ...
    @property
    def train_seconds(self) -> float: ...
    @property
    def iteration(self) -> int: ...
    @property
    def device(self) -> "torch.device": ...

    def state(self) -> Mapping[str, Any]:
        """The learner's state at the snapshot, on the CPU."""
        ...

    def data(self) -> Path:
        """Root of the data set that the trial was trained on.

        Raises:
            ValueError: it is not on this machine, or another one is there; figures that need it are left out.
        """
        ...

    def other(self, trial: Trial) -> "FinishedTrial":
        """A trial that this one requires.

        Raises:
            ValueError: it is not finished; figures that need it are left out.
        """
        ...


class FiguresFunction(Protocol):
    """Function that `TrialConfig.figures` names."""

    def __call__(self, finished: FinishedTrial, samples: int, progress: Progress, /) -> Iterable[Figure]:
        """Yield the figures of a trial, drawn one after the other. The first film stands for the trial beside others.

        Args:
            finished: the trial.
            samples: generated samples behind a measured curve.
            progress: of what takes long.
        """
        ...


class JointFiguresFunction(Protocol):
    """Function that `TrialConfig.joint_figures` names."""

    def __call__(self, finished: Sequence[FinishedTrial], progress: Progress, /) -> Iterable[Figure]:
        """Yield figures of two or more trials of one class beside each other.

        Args:
            finished: the trials, in the order of a study's tables.
            progress: of what takes long.
        """
        ...
