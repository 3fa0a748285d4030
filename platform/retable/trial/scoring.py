"""What a learner that learns nothing is: the base of those that a `ScoringConfig` builds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from retable.trial.config import TrialConfig
from retable.trial.learner import Best

if TYPE_CHECKING:
    from torch import Tensor


class Scoring:
    """Evaluates what another trial trained; its weights are there, so that no state of its own is ever saved."""

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
    """A trial that trains nothing: it scores what another trial has trained, in seconds.

    What needs no new training (truncation, length, the number of samples) varies over such trials, which share the
    trained one and are scored side by side.

    Attributes:
        of: what was trained, with this trial's seed.
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
        """This config over the canonical one of what was trained."""
        return replace(self, of=self.of.canonical())

    def with_iterations(self, iterations: int) -> Self:
        """This config over what was trained for that many iterations."""
        return replace(self, of=self.of.with_iterations(iterations))

    def with_classifier(self, file: Path) -> Self:
        """This config, and what was trained, scored by a classifier that the user brings."""
        return replace(self, of=self.of.with_classifier(file))

    def with_encoder(self, file: Path) -> Self:
        """This config over what was trained on the codes of an autoencoder that the user brings."""
        return replace(self, of=self.of.with_encoder(file))

    def follows(self) -> tuple[TrialConfig, ...]:
        """What was trained."""
        return (self.of,)
