"""Scales of a study: smoke (minutes), toy (hours on a laptop), paper (days on a cluster)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from retable.trial.config import TrialConfig

C = TypeVar("C", bound="TrialConfig")


@dataclass(frozen=True, kw_only=True)
class Scale(Generic[C]):
    """Scale of a study.

    Attributes:
        data: name of the data set: ``embedded``, or a data set of the user (``ucf101``).
        shrink: the paper's config -> the config at this scale.
        tables: default tables -> number of their rows; None for all rows.
        seeds: default training seeds.
        iterations: iterations of every config of the tables, if the user overrides those of `shrink`; see
            `with_iterations`.
        comparable: True if tables show differences from the paper's numbers. False for smoke and toy.
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
        """Reason why numbers are not compared with the paper's; empty if they are."""
        if self.comparable and self.iterations is not None:
            return f"not comparable: {self.iterations:,} iterations"
        return "" if self.comparable else f"not comparable: {self.name} data"

    def with_classifier(self, file: Path) -> Self:
        """The scale with every config evaluated by the pretrained classifier in that file."""
        return replace(self, shrink=lambda config: self.shrink(config).with_classifier(file))

    def with_encoder(self, file: Path) -> Self:
        """The scale with every config over the codes of the pretrained autoencoder in that file."""
        return replace(self, shrink=lambda config: self.shrink(config).with_encoder(file))

    def with_iterations(self, iterations: int) -> Self:
        """The scale with that number of iterations for every config of the tables, not for those that they require."""
        return replace(
            self,
            shrink=lambda config: self.shrink(config).with_iterations(iterations),
            iterations=iterations,
        )
