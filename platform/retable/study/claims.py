"""Claims of a paper about its tables, as comparisons between cells. Pure data: nothing is measured here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Place:
    """Reference to a cell: the table's number and the labels of row and column.

    `Study` raises ValueError for a place that its tables do not have.
    """

    table: str
    row: str
    column: str

    def beats(self, other: "Place") -> "Comparison":
        """Comparison that holds if this cell is better: higher or lower, depending on the metric family."""
        return self.gain_over(other).positive()

    def gain_over(self, other: "Place") -> "Gain":
        """Gain of this cell over the other; negative if it is worse."""
        return Gain(self, other)

    def __str__(self) -> str:
        return f"{self.row}, {self.column} (Table {self.table})"


@dataclass(frozen=True)
class Gain:
    """Gain of one cell over another, in the unit of their metric."""

    of: Place
    over: Place

    def positive(self) -> "Comparison":
        """Comparison that holds if the gain is positive."""
        return Comparison(str(self), ((self.of, 1), (self.over, -1)))

    def exceeds(self, other: "Gain") -> "Comparison":
        """Comparison that holds if this gain is larger than the other."""
        return Comparison(
            f"{self} > {other}", ((self.of, 1), (self.over, -1), (other.of, -1), (other.over, 1))
        )

    def __str__(self) -> str:
        one, two = self.of, self.over
        if (one.table, one.row) == (two.table, two.row):
            return f"{one.column} over {two.column} ({one.row}, Table {one.table})"
        if (one.table, one.column) == (two.table, two.column):
            return f"{one.row} over {two.row} ({one.column}, Table {one.table})"
        return f"{one} over {two}"


@dataclass(frozen=True)
class Comparison:
    """Comparison that holds if a weighted sum of cells is positive; for metrics where less is better, negative.

    Attributes:
        text: the comparison for a reader.
        terms: cells and their weights. All cells have one metric. The weights add up to 0, except for a metric with a
            true zero, such as minutes, where 2 · a < b states a ratio.
    """

    text: str
    terms: tuple[tuple[Place, int], ...]


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, which holds if all of its comparisons hold.

    Attributes:
        place: section of the paper, such as ``5.10``.
        says: the claim in a sentence.
        holds: the comparisons that the claim consists of.
    """

    place: str
    says: str
    holds: tuple[Comparison, ...]

    def __post_init__(self) -> None:
        if not self.holds:
            raise ValueError(f"a claim must consist of at least one comparison, but {self.says!r} has none")

    def cells(self) -> Iterator[Place]:
        """Cells of all comparisons, each once."""
        yield from dict.fromkeys(place for comparison in self.holds for place, _ in comparison.terms)


def each_beats(better: Sequence[Place], worse: Sequence[Place]) -> tuple[Comparison, ...]:
    """Comparisons that hold if each of `better` beats each of `worse` in the same table and column."""
    return tuple(
        one.beats(other)
        for one in better
        for other in worse
        if (one.table, one.column) == (other.table, other.column)
    )


def rising(cells: Sequence[Place]) -> tuple[Comparison, ...]:
    """Comparisons that hold if each cell beats the one before it."""
    return tuple(after.beats(before) for before, after in pairwise(cells))
