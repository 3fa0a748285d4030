"""Learner of a pretrained network: it trains nothing, and takes a score that shows that the weights are the right ones."""

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
    """Base of the learners of pretrained networks: in the loop they are checked, scored and saved like any other.

    Args:
        folder: of the trial, into which the driver copied the file.
        option: of the command line, by which it was given.

    Attributes:
        file: the weights.

    Raises:
        MissingFileError: there is no file in the folder.
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
        """Train nothing: the weights stay as they are."""
        return {}

    @torch.no_grad()
    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """Score of held-out samples, computed once."""
        del iteration, final
        self._scores = self._scores or self._measured()
        return self._scores

    @abstractmethod
    def _measured(self) -> Mapping[str, Score]:
        """The score by its protocol's name."""

    def samples(self) -> None:  # noqa: B027 (that is all there is to it)
        """Return no preview: trials that use the network have better ones."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The weights."""

    def load_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027 (as above)
        """Keep the weights: every state of the trial has those of the file."""
