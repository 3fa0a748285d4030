"""A hyperparameter search as data: what is varied, what is measured, what is stopped early. No Ray, no Optuna, no torch.

A search tunes each of its cells (rows × grid) apart, and then repeats each cell's winner over the study's seeds.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Generic, Literal

from retable.study.table import Row, unchanged
from retable.trial.config import C
from retable.trial.identity import Label

Point = Mapping[str, Label]
"""A value for each dimension of a space, by its name."""


@dataclass(frozen=True)
class Real(Generic[C]):
    """A real dimension.

    Attributes:
        low, high: both ends are in the range.
        change: config, value -> the config with it.
        log: whether the logarithm is what is searched evenly.
    """

    name: str
    low: float
    high: float
    change: Callable[[C, float], C]
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, self.log)

    def admits(self, value: Label) -> bool:
        """Whether the value lies in it."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def apply(self, config: C, value: Label) -> C:
        """The config with that value."""
        return self.change(config, float(value))

    def declared(self) -> Mapping[str, object]:
        """What a search is told apart by, JSON-ready."""
        return {"name": self.name, "low": self.low, "high": self.high, "log": self.log}

    def __str__(self) -> str:
        return f"{self.name} in [{self.low:g}, {self.high:g}]{', log' if self.log else ''}"


@dataclass(frozen=True)
class Whole(Generic[C]):
    """A dimension of whole numbers; attributes as of `Real`."""

    name: str
    low: int
    high: int
    change: Callable[[C, int], C]
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, self.log)

    def admits(self, value: Label) -> bool:
        """Whether the value lies in it."""
        return isinstance(value, int) and self.low <= value <= self.high

    def apply(self, config: C, value: Label) -> C:
        """The config with that value."""
        return self.change(config, int(value))

    def declared(self) -> Mapping[str, object]:
        """What a search is told apart by, JSON-ready."""
        return {"name": self.name, "low": self.low, "high": self.high, "log": self.log, "whole": True}

    def __str__(self) -> str:
        return f"{self.name} in {{{self.low}, …, {self.high}}}{', log' if self.log else ''}"


@dataclass(frozen=True)
class Choice(Generic[C]):
    """A dimension without an order: one of its options, by name.

    Attributes:
        options: name -> the change that it makes.
    """

    name: str
    options: Mapping[str, Callable[[C], C]]

    def __post_init__(self) -> None:
        if len(self.options) < 2:
            raise ValueError(
                f"{self.name} must have two options or more, but got {', '.join(self.options) or 'none'}"
            )

    def admits(self, value: Label) -> bool:
        """Whether it is one of the options."""
        return value in self.options

    def apply(self, config: C, value: Label) -> C:
        """The config with that option."""
        return self.options[str(value)](config)

    def declared(self) -> Mapping[str, object]:
        """What a search is told apart by, JSON-ready."""
        return {"name": self.name, "options": list(self.options)}

    def __str__(self) -> str:
        return f"{self.name} in {{{', '.join(self.options)}}}"


Dimension = Real[C] | Whole[C] | Choice[C]


@dataclass(frozen=True)
class Sampler:
    """How points are proposed.

    Attributes:
        kind: ``tpe`` (tree-structured Parzen estimators, multi-objective where there are several objectives) or
            ``random``.
        seed: the same seed and history give the same next point, in whichever process.
        startup: points drawn at random before TPE sets in.
    """

    kind: Literal["tpe", "random"] = "tpe"
    seed: int = 0
    startup: int = 5


@dataclass(frozen=True)
class Halving:
    """Asynchronous successive halving on snapshots, by the first objective (Li et al., MLSys 2020, "ASHA").

    A trial that reaches rung k, its snapshot number ``first`` · ``factor``^k, goes on if it is among the best
    ⌊n / factor⌋ (at least one) of the n trials that have reached that rung so far, itself included. It is the variant that
    stops trials where the paper's own pauses and promotes them, as Optuna's and Tune's are.
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
        """The iterations at which it is decided: snapshots before the end."""
        rung = self.first * snapshot_every
        while rung < iterations:
            yield rung
            rung *= self.factor

    def keeps(self, value: float, others: list[float], *, higher_is_better: bool) -> bool:
        """Whether a trial goes on.

        Args:
            value: its score at the rung.
            others: scores of those that reached the rung before it.
        """
        better = sum(other > value if higher_is_better else other < value for other in others)
        return better < max(1, (len(others) + 1) // self.factor)


@dataclass(frozen=True)
class Variant(Generic[C]):
    """One place of the grid that a search is crossed with, such as ``s_t = 4``."""

    label: str = ""
    change: Callable[[C], C] = field(default=unchanged)


@dataclass(frozen=True)
class SearchCell(Generic[C]):
    """What is tuned on its own: one row at one place of the grid.

    Attributes:
        config: the row's, at paper scale, before a point is applied.
    """

    row: str
    variant: str
    config: C

    @property
    def label(self) -> str:
        """Such as ``Our model, s_t = 4``."""
        return ", ".join(part for part in (self.row, self.variant) if part)

    @property
    def slug(self) -> str:
        """The label as part of a file's name."""
        return re.sub(r"\W+", "_", self.label.lower()).strip("_") or "cell"


@dataclass(frozen=True, kw_only=True)
class Search(Generic[C]):
    """A search of a study.

    Attributes:
        number: what tables have: scales and ``--tables`` choose by it.
        rows: whose configs are tuned.
        grid: changes that each row is crossed with.
        space: what is varied.
        objectives: metric families. All of them span the Pareto front; the first decides the halving and the winner.
        points: scale's name -> points that each cell is given.
        first: points asked before the sampler's, such as the paper's own.
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
        """What is tuned, row by row; `limit` keeps the first rows only."""
        return [
            SearchCell(row.label, variant.label, variant.change(row.config))
            for row in self.rows[:limit]
            for variant in self.grid
            if row.config is not None
        ]

    def at(self, config: C, point: Point) -> C:
        """The config at a point.

        Raises:
            ValueError: the config refuses it.
        """
        for dimension in self.space:
            config = dimension.apply(config, point[dimension.name])
        return config

    def declared(self) -> Mapping[str, object]:
        """What changes the course of the search, JSON-ready. The number of points does not: more of them go on."""
        return {
            "space": [dimension.declared() for dimension in self.space],
            "objectives": list(self.objectives),
            "first": [dict(point) for point in self.first],
            "sampler": asdict(self.sampler),
            "pruner": None if self.pruner is None else asdict(self.pruner),
        }


def point_text(point: Point) -> str:
    """Such as ``lambda=0.313``."""
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in point.items()
    )


def _check_range(name: str, low: float, high: float, log: bool) -> None:
    if not low < high or (log and low <= 0):
        raise ValueError(
            f"{name} must have low < high{' and low > 0 for its logarithm' if log else ''}, but got {low} and {high}"
        )
