"""What a paper claims of its tables, as comparisons between their cells. Pure data: nothing is measured here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Place:
    """A cell of a table, by the table's number and the labels of its row and column.

    `Study` refuses a place that its tables don't have.
    """

    table: str
    row: str
    column: str

    def beats(self, other: "Place") -> "Comparison":
        """That this cell's metric is better: higher or lower, whichever its family wants."""
        return self.gain_over(other).positive()

    def gain_over(self, other: "Place") -> "Gain":
        """How much better this cell is than the other, which is negative where it is worse."""
        return Gain(self, other)

    def __str__(self) -> str:
        return f"{self.row}, {self.column} (Table {self.table})"


@dataclass(frozen=True)
class Gain:
    """How much better one cell is than another, in the unit of their metric."""

    of: Place
    over: Place

    def positive(self) -> "Comparison":
        """That there is a gain at all."""
        return Comparison(str(self), ((self.of, 1), (self.over, -1)))

    def exceeds(self, other: "Gain") -> "Comparison":
        """That this gain is the larger one."""
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
    """That a weighted sum of cells is positive, each cell counted so that better is more.

    Attributes:
        words: the comparison for a reader.
        terms: cell and weight. The cells have one metric; weights add up to 0, but of a metric that counts from nothing,
            such as minutes, where 2 · a < b says how many times.
    """

    words: str
    terms: tuple[tuple[Place, int], ...]


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, which holds if all of its comparisons do.

    Attributes:
        place: where the paper says it, such as ``5.10``.
        says: the claim in a sentence.
        holds: the comparisons that it amounts to.
    """

    place: str
    says: str
    holds: tuple[Comparison, ...]

    def __post_init__(self) -> None:
        if not self.holds:
            raise ValueError(f"a claim must amount to at least one comparison, but {self.says!r} has none")

    def places(self) -> Iterator[Place]:
        """Every cell that it is about, each once."""
        yield from dict.fromkeys(place for comparison in self.holds for place, _ in comparison.terms)


def each_beats(better: Sequence[Place], worse: Sequence[Place]) -> tuple[Comparison, ...]:
    """That each of the first cells is better than each of the second that has the same table and column."""
    return tuple(
        one.beats(other)
        for one in better
        for other in worse
        if (one.table, one.column) == (other.table, other.column)
    )


def rising(places: Sequence[Place]) -> tuple[Comparison, ...]:
    """That each cell is better than the one before it."""
    return tuple(after.beats(before) for before, after in pairwise(places))
