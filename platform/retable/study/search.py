"""Hyperparameter search as data: space, objectives, sampler and pruner. No Ray, no Optuna, no torch.

A search tunes each of its cells (rows × grid) separately, and then trains the best point of each cell with all seeds of
the study.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Generic, Literal

from retable.study.table import Row, unchanged
from retable.trial.config import C
from retable.trial.identity import Label

Point = Mapping[str, Label]
"""Point of a search space: name of each dimension -> value."""


@dataclass(frozen=True)
class Real(Generic[C]):
    """Real dimension of a search space.

    Attributes:
        low, high: bounds of the range, both included.
        change: config, value -> the config with that value.
        log: True to search on a logarithmic scale.
    """

    name: str
    low: float
    high: float
    change: Callable[[C, float], C]
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, self.log)

    def admits(self, value: Label) -> bool:
        """True if the value is in the range."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def apply(self, config: C, value: Label) -> C:
        """The config with that value."""
        return self.change(config, float(value))

    def declared(self) -> Mapping[str, object]:
        """Identity of the dimension, JSON-ready: searches that differ in it are different searches."""
        return {"name": self.name, "low": self.low, "high": self.high, "log": self.log}

    def __str__(self) -> str:
        return f"{self.name} in [{self.low:g}, {self.high:g}]{', log' if self.log else ''}"


@dataclass(frozen=True)
class Whole(Generic[C]):
    """Integer dimension of a search space; attributes as in `Real`."""

    name: str
    low: int
    high: int
    change: Callable[[C, int], C]
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, self.log)

    def admits(self, value: Label) -> bool:
        """True if the value is in the range."""
        return isinstance(value, int) and self.low <= value <= self.high

    def apply(self, config: C, value: Label) -> C:
        """The config with that value."""
        return self.change(config, int(value))

    def declared(self) -> Mapping[str, object]:
        """Identity of the dimension, JSON-ready: searches that differ in it are different searches."""
        return {"name": self.name, "low": self.low, "high": self.high, "log": self.log, "whole": True}

    def __str__(self) -> str:
        return f"{self.name} in {{{self.low}, …, {self.high}}}{', log' if self.log else ''}"


@dataclass(frozen=True)
class Choice(Generic[C]):
    """Categorical dimension of a search space.

    Attributes:
        options: name of each option -> its change of the config.
    """

    name: str
    options: Mapping[str, Callable[[C], C]]

    def __post_init__(self) -> None:
        if len(self.options) < 2:
            raise ValueError(
                f"{self.name} must have two options or more, but got {', '.join(self.options) or 'none'}"
            )

    def admits(self, value: Label) -> bool:
        """True if the value is one of the options."""
        return value in self.options

    def apply(self, config: C, value: Label) -> C:
        """The config with that option."""
        return self.options[str(value)](config)

    def declared(self) -> Mapping[str, object]:
        """Identity of the dimension, JSON-ready: searches that differ in it are different searches."""
        return {"name": self.name, "options": list(self.options)}

    def __str__(self) -> str:
        return f"{self.name} in {{{', '.join(self.options)}}}"


Dimension = Real[C] | Whole[C] | Choice[C]


@dataclass(frozen=True)
class Sampler:
    """Sampler that suggests points.

    Attributes:
        kind: ``tpe`` (tree-structured Parzen estimator, multi-objective if there are several objectives) or ``random``.
        seed: the same seed and history give the same next point, in any process.
        startup: number of random points before TPE.
    """

    kind: Literal["tpe", "random"] = "tpe"
    seed: int = 0
    startup: int = 5


@dataclass(frozen=True)
class Halving:
    """Asynchronous successive halving on snapshots, by the first objective (Li et al., MLSys 2020, "ASHA").

    A trial reaches rung k at its snapshot number ``first`` · ``factor``^k. It goes on if it is among the best
    ⌊n / factor⌋ (at least one) of the n trials that have reached that rung so far, itself included. The others are
    stopped, as by Optuna and Tune; the paper's own variant pauses and promotes them.
    """

    first: int = 1
    factor: int = 3

    def __post_init__(self) -> None:
        if self.first < 1 or self.factor < 2:
            raise ValueError(
                f"halving needs first of at least 1 and factor of at least 2, but got first={self.first}, "
                f"factor={self.factor}"
            )

    def rungs(self, iterations: int, snapshot_every: int) -> Iterator[int]:
        """Iterations of the rungs: snapshots before the end of the training."""
        rung = self.first * snapshot_every
        while rung < iterations:
            yield rung
            rung *= self.factor

    def keeps(self, value: float, others: list[float], *, higher_is_better: bool) -> bool:
        """True if a trial goes on.

        Args:
            value: score of the trial at the rung.
            others: scores of the trials that reached the rung before it.
        """
        better = sum(other > value if higher_is_better else other < value for other in others)
        return better < max(1, (len(others) + 1) // self.factor)


@dataclass(frozen=True)
class Variant(Generic[C]):
    """Variant that the rows of a search are crossed with, such as ``s_t = 4``."""

    label: str = ""
    change: Callable[[C], C] = field(default=unchanged)


@dataclass(frozen=True)
class SearchCell(Generic[C]):
    """Cell of a search: a row with a variant of the grid, tuned separately.

    Attributes:
        config: config of the row with the variant, at paper scale, before a point is applied.
    """

    row: str
    variant: str
    config: C

    @property
    def label(self) -> str:
        """Label of the cell, such as ``Our model, s_t = 4``."""
        return ", ".join(part for part in (self.row, self.variant) if part)

    @property
    def slug(self) -> str:
        """Label in a form that file names can have."""
        return re.sub(r"\W+", "_", self.label.lower()).strip("_") or "cell"


@dataclass(frozen=True, kw_only=True)
class Search(Generic[C]):
    """Hyperparameter search of a study.

    Attributes:
        number: number of the search among the tables; scales and ``--tables`` select by it.
        rows: rows whose configs are tuned.
        grid: variants that each row is crossed with.
        space: dimensions of the search space.
        objectives: metric families of the Pareto front. The first one decides the halving and the best point.
        points: name of a scale -> number of points of each cell.
        first: points that are tried before the sampler's, such as the paper's own.
        sampler: suggests the other points.
        pruner: stops trials early; None to train all of them to the end.
    """

    number: str
    caption: str
    rows: tuple[Row[C], ...]
    grid: tuple[Variant[C], ...] = (Variant(),)
    space: tuple[Dimension[C], ...]
    objectives: tuple[str, ...]
    points: Mapping[str, int]
    first: tuple[Point, ...] = ()
    sampler: Sampler = Sampler()
    pruner: Halving | None = None

    def __post_init__(self) -> None:
        names = [dimension.name for dimension in self.space]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"search {self.number} needs dimensions of different names, but got {names}")
        if not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise ValueError(f"search {self.number} needs different objectives, but got {self.objectives}")
        for point in self.first:
            if set(point) != set(names) or not all(d.admits(point[d.name]) for d in self.space):
                raise ValueError(
                    f"a first point of search {self.number} must give {'; '.join(map(str, self.space))}, but got "
                    f"{dict(point)}"
                )
        labels = [cell.label for cell in self.cells()]
        if len(set(labels)) < len(labels):
            raise ValueError(
                f"the cells of search {self.number} must have different labels, but got {labels}"
            )

    def cells(self, limit: int | None = None) -> list[SearchCell[C]]:
        """Cells of the search, row by row; `limit` keeps the first rows only."""
        return [
            SearchCell(row.label, variant.label, variant.change(row.config))
            for row in self.rows[:limit]
            for variant in self.grid
            if row.config is not None
        ]

    def at(self, config: C, point: Point) -> C:
        """Apply a point to a config.

        Raises:
            ValueError: the result is not a valid config.
        """
        for dimension in self.space:
            config = dimension.apply(config, point[dimension.name])
        return config

    def declared(self) -> Mapping[str, object]:
        """Identity of the search, JSON-ready. The number of points is not part of it: a search can be extended."""
        return {
            "space": [dimension.declared() for dimension in self.space],
            "objectives": list(self.objectives),
            "first": [dict(point) for point in self.first],
            "sampler": asdict(self.sampler),
            "pruner": None if self.pruner is None else asdict(self.pruner),
        }


def point_text(point: Point) -> str:
    """Text of a point, such as ``lambda=0.313``."""
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in point.items()
    )


def _check_range(name: str, low: float, high: float, log: bool) -> None:
    if not low < high or (log and low <= 0):
        raise ValueError(
            f"{name} must have low < high{' and low > 0 for its logarithm' if log else ''}, but got {low} and {high}"
        )
