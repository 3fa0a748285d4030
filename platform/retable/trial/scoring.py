"""Trials that train nothing: they score what another trial has trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from retable.trial.config import TrialConfig
from retable.trial.learner import Best

if TYPE_CHECKING:
    from torch import Tensor


class Scoring:
    """Base of learners that only score. The weights are another trial's, so no state of their own is ever saved."""

    best: ClassVar[Best] = Best("is", "max")

    def step(self, iteration: int) -> Mapping[str, "Tensor"]:
        self._refuse()

    def state(self) -> dict[str, Any]:
        self._refuse()

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RuntimeError(
            f"{type(self).__name__} only scores what was trained; its config must have iterations=0"
        )


@dataclass(frozen=True, kw_only=True)
class ScoringConfig(TrialConfig):
    """Config of a trial that scores what another trial has trained, in seconds.

    Options of sampling (truncation, length, the number of samples) vary over such trials. They share one trained trial.

    Attributes:
        of: config of the trained trial, which has this trial's seed.
    """

    least_iterations: ClassVar[int] = 0
    iterations: int = 0
    batch_size: int = 1
    snapshot_every: int = 1
    of: TrialConfig

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.iterations, self.batch_size) != (0, 1):
            raise ValueError(
                f"iterations must be 0 and batch_size 1 where nothing is trained, but got {self.iterations} and "
                f"{self.batch_size}; set them in the config of what is scored"
            )

    def canonical(self) -> Self:
        """Return this config over the canonical one of the trained trial."""
        return replace(self, of=self.of.canonical())

    def with_iterations(self, iterations: int) -> Self:
        """Return this config over a trial of that many iterations."""
        return replace(self, of=self.of.with_iterations(iterations))

    def with_classifier(self, file: Path) -> Self:
        """Return a copy in which both trials are evaluated with the user's pretrained classifier."""
        return replace(self, of=self.of.with_classifier(file))

    def with_encoder(self, file: Path) -> Self:
        """Return a copy over a trial that learns the codes of the user's pretrained autoencoder."""
        return replace(self, of=self.of.with_encoder(file))

    def follows(self) -> tuple[TrialConfig, ...]:
        """The trained trial."""
        return (self.of,)
