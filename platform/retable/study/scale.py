"""The sizes that one study runs at: smoke (minutes), toy (hours on a laptop), paper (days on a cluster)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from retable.trial.config import TrialConfig

C = TypeVar("C", bound="TrialConfig")


@dataclass(frozen=True, kw_only=True)
class Scale(Generic[C]):
    """One size of a study.

    Attributes:
        data: name of the data set: ``embedded``, or one that the user brings (``ucf101``).
        shrink: the paper's config -> the config at this scale.
        tables: tables run by default -> how many of their rows (None: all of them).
        seeds: training seeds run by default.
        iterations: of every config of the tables, where the user asked for others than `shrink` gives; see `with_iterations`.
        comparable: whether numbers may stand beside the paper's with a difference. Smoke and toy may not.
    """

    name: str
    data: str
    shrink: Callable[[C], C]
    tables: Mapping[str, int | None]
    seeds: tuple[int, ...] = (0,)
    comparable: bool = False
    iterations: int | None = None

    @property
    def reason(self) -> str:
        """What stands in the place of a difference from the paper's number; empty where one may be taken."""
        if self.comparable and self.iterations is not None:
            return f"not comparable: {self.iterations:,} iterations"
        return "" if self.comparable else f"not comparable: {self.name} data"

    def with_classifier(self, file: Path) -> Self:
        """The same size, with every config scored by the classifier in that file of weights."""
        return replace(self, shrink=lambda config: self.shrink(config).with_classifier(file))

    def with_encoder(self, file: Path) -> Self:
        """The same size, with every config over the codes of the autoencoder in that file of weights."""
        return replace(self, shrink=lambda config: self.shrink(config).with_encoder(file))

    def with_iterations(self, iterations: int) -> Self:
        """The same size with that many iterations for every config of the tables; not for those that they require."""
        return replace(
            self,
            shrink=lambda config: self.shrink(config).with_iterations(iterations),
            iterations=iterations,
        )
