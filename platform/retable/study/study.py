"""Study: the declaration of a paper's tables. Pure data, no torch, no Ray."""

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
    """Tables of a paper over one set of trials.

    Attributes:
        paper: short title of the paper.
        published: CSV of the paper's numbers (`retable.study.published`), or None.
        scales: scales of the study, by name.
        claims: claims of the paper about these tables.
        tradeoffs: trade-off curves over tables whose rows vary a parameter of sampling.
        equal_times: comparisons of trials at equal training time.
        searches: hyperparameter searches.

    Raises:
        ValueError: a claim or a comparison names a table, row or column that is not declared, or a comparison has more
            than one metric.
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
                        f"a comparison must be within one metric, but {comparison.text!r} has {sorted(metrics)}"
                    )

    def metric(self, place: Place) -> str:
        """Metric family of that cell.

        Raises:
            ValueError: the study declares no such table, row or column.
        """
        return self.table(place.table).metric(place.row, place.column)

    def table(self, number: str) -> Table[C]:
        """Table of that number.

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
        """Cells of the table at that scale, row by row; `limit` keeps the first rows only.

        The published number is found by the config at paper scale, before the config is shrunk.
        """
        published = Published.load(self.published) if self.published else None
        for row in table.rows[:limit]:
            for column in table.columns:
                declared, config, obstacle = _configs(row, column, scale)
                # A row without a config has its own model, whatever the column.
                model = (declared and column.model) or row.model or row.label
                metric = column.published or column.metric
                number = None
                if published is not None and (declared is not None or row.config is None):
                    labels = {} if declared is None else declared.labels()
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
    """Config of a cell at paper scale, config at the given scale, and the reason why one of them is invalid."""
    if row.config is None:
        return None, None, ""
    declared = None
    try:
        declared = column.change(row.config)
        config = scale.shrink(declared)
        identified(config.canonical())
    except ValueError as error:
        return declared, None, str(error) or type(error).__name__
    return declared, config, ""
