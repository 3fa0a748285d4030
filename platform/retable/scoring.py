"""What a learner that learns nothing is: the base of those that a `ScoringConfig` builds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from retable.run import Best

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
