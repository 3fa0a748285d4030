"""A paper's tables, declared before anything has run. No torch, no Ray: a study is data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic

from retable.study.claims import Claim, Place
from retable.study.comparisons import EqualTime, Tradeoff
from retable.study.published import Published
from retable.study.scale import Scale
from retable.study.table import Cell, Column, Row, Table
from retable.trial.config import C
from retable.trial.identity import identified

if TYPE_CHECKING:
    from retable.study.search import Search


@dataclass(frozen=True, kw_only=True)
class Study(Generic[C]):
    """A paper's tables over one set of trials.

    Attributes:
        published: CSV of the paper's numbers (retable.study.published), or None.
        scales: the sizes that the study can run at, by name.
        claims: what the paper says of these tables.
        tradeoffs: curves over tables whose rows vary an evaluation axis.
        equal_times: tables whose trials are compared at equal training time too.
    """

    name: str
    paper: str
    tables: tuple[Table[C], ...]
    scales: Mapping[str, Scale[C]]
    published: Path | None = None
    claims: tuple[Claim, ...] = ()
    tradeoffs: tuple[Tradeoff, ...] = ()
    equal_times: tuple[EqualTime, ...] = ()
    searches: "tuple[Search[C], ...]" = ()

    def __post_init__(self) -> None:
        for equal_time in self.equal_times:
            self.table(equal_time.table)
        for claim in self.claims:
            for comparison in claim.holds:
                metrics = {self.metric(place) for place, _ in comparison.terms}
                if len(metrics) > 1:
                    raise ValueError(
                        f"a comparison must be within one metric, but {comparison.words!r} has {sorted(metrics)}"
                    )

    def metric(self, place: Place) -> str:
        """The metric's family in that place.

        Raises:
            ValueError: the study declares no such table, row or column.
        """
        return self.table(place.table).metric(place.row, place.column)

    def table(self, number: str) -> Table[C]:
        """The table of that number.

        Raises:
            ValueError: the study declares no such table.
        """
        for table in self.tables:
            if table.number == number:
                return table
        known = ", ".join(
            [table.number for table in self.tables] + [search.number for search in self.searches]
        )
        raise ValueError(f"{self.name} declares no table {number!r}; it has {known}")

    def cells(self, table: Table[C], scale: Scale[C], limit: int | None = None) -> Iterator[Cell[C]]:
        """The table's cells at that scale, row by row; `limit` keeps the first rows only.

        The published number is looked up by the config at paper scale, then the config is shrunk.
        """
        published = Published.load(self.published) if self.published else None
        for row in table.rows[:limit]:
            for column in table.columns:
                asked, config, obstacle = _configs(row, column, scale)
                # Others' rows have no model of ours.
                model = (asked and column.model) or row.model or row.label
                metric = column.published or column.metric
                number = None
                if published is not None and (asked is not None or row.config is None):
                    labels = {} if asked is None else asked.labels()
                    number = published.find(table.number, metric, model, labels)
                yield Cell(
                    table=table.number,
                    row=row.label,
                    column=column.label,
                    metric=column.metric,
                    config=config,
                    published=number,
                    obstacle=obstacle,
                )


def _configs(row: Row[C], column: Column[C], scale: Scale[C]) -> tuple[C | None, C | None, str]:
    """A cell's config at the paper's scale and at that scale, and why one of them can't be."""
    if row.config is None:
        return None, None, ""
    asked = None
    try:
        asked = column.change(row.config)
        config = scale.shrink(asked)
        identified(config.canonical())
    except ValueError as error:
        return asked, None, str(error) or type(error).__name__
    return asked, config, ""
