"""Trials that train nothing: a network that was brought, and a score that shows that it is what it should be."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from retable.evaluation.pretrained import FILE
from retable.io.files import MissingFileError, UnusableFileError
from retable.trial.learner import Best, Score


class PretrainedLearner(ABC):
    """Fits the loop like any learner, so that what was brought is checked, scored and kept like what was trained.

    Args:
        folder: the trial's, into which the driver put the file.
        option: of the command line, by which it was given.

    Attributes:
        file: the weights.

    Raises:
        MissingFileError: the driver put no file there.
    """

    best: ClassVar[Best]

    def __init__(self, folder: Path, option: str) -> None:
        self.file = folder / FILE
        if not self.file.exists():
            raise MissingFileError(
                f"{self.file} is missing", remedy=f"give the file with {option} FILE again"
            )
        self._scores: Mapping[str, Score] = {}

    def check(self, found: str, wanted: str) -> None:
        """Compare the hash of the network's weights with the config's.

        Raises:
            UnusableFileError: the file holds another network.
        """
        if found != wanted:
            raise UnusableFileError(
                f"{self.file} must have the weights {wanted[:12]}…, but has {found[:12]}…",
                remedy="delete it and run the same command again",
            )

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """Nothing: the weights stay as they were brought."""
        return {}

    @torch.no_grad()
    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """The score of what is held out. It is taken once."""
        del iteration, final
        self._scores = self._scores or self._measured()
        return self._scores

    @abstractmethod
    def _measured(self) -> Mapping[str, Score]:
        """That score by its protocol's name."""

    def samples(self) -> None:  # noqa: B027 (that is all there is to it)
        """Nothing to look at that what is made with the network doesn't show better."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The weights."""

    def load_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027 (as above)
        """Nothing: every state of the trial has the weights of the file."""
