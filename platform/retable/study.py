"""A paper's tables, declared before anything has run. No torch, no Ray: a study is data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic

from retable.claims import Claim, Place
from retable.equal_time import EqualTime
from retable.identity import identified
from retable.published import Published, PublishedNumber
from retable.scale import Scale
from retable.tradeoff import Tradeoff
from retable.trial import C

if TYPE_CHECKING:
    from retable.search import Search


@dataclass(frozen=True)
class Row(Generic[C]):
    """A row of a table. `config` is None for numbers that the paper took from others."""

    label: str
    config: C | None = None
    model: str | None = None  # the row's name in the published CSV, where it is not its label


def unchanged(config: C) -> C:
    """The change of a column that has none."""
    return config


@dataclass(frozen=True)
class Column(Generic[C]):
    """A column: which metric, and what it changes in the row's config.

    Attributes:
        metric: a metric's family, such as ``is`` or ``fid``; the protocol is the trial's own.
    """

    label: str
    metric: str
    change: Callable[[C], C] = field(default=unchanged)
    model: str | None = None  # the column's name in the published CSV, where columns are models
    published: str = ""  # the metric's name there, where it is not its family


@dataclass(frozen=True)
class Cell(Generic[C]):
    """One place of one table: the config that fills it and the paper's number.

    Attributes:
        config: None for numbers that the paper took from others, and for a cell that can't be.
        obstacle: why there is no such config, in the words of whoever refused it; empty otherwise.
    """

    table: str
    row: str
    column: str
    metric: str
    config: C | None
    published: PublishedNumber | None
    obstacle: str = ""


@dataclass(frozen=True)
class Table(Generic[C]):
    """A table of the paper: `number` as printed there, rows × columns of cells.

    Attributes:
        reference: label of the row or of the column that the others are compared with; empty for none.
    """

    number: str
    caption: str
    rows: tuple[Row[C], ...]
    columns: tuple[Column[C], ...]
    reference: str = ""

    def __post_init__(self) -> None:
        for what, labels in (
            ("rows", [r.label for r in self.rows]),
            ("columns", [c.label for c in self.columns]),
        ):
            if len(set(labels)) < len(labels):
                raise ValueError(
                    f"the {what} of table {self.number} must have different labels, but got {labels}"
                )
        labels = [*(row.label for row in self.rows), *(column.label for column in self.columns)]
        if self.reference and labels.count(self.reference) != 1:
            raise ValueError(
                f"the reference of table {self.number} must be one of {labels}, but got {self.reference!r}"
            )

    def metric(self, row: str, column: str) -> str:
        """The metric's family in the cell of those labels.

        Raises:
            ValueError: there is no such row or column.
        """
        for what, label, known in (
            ("row", row, [one.label for one in self.rows]),
            ("column", column, [one.label for one in self.columns]),
        ):
            if label not in known:
                raise ValueError(f"table {self.number} has no {what} {label!r}; it has {known}")
        return next(one.metric for one in self.columns if one.label == column)


@dataclass(frozen=True, kw_only=True)
class Study(Generic[C]):
    """A paper's tables over one set of trials.

    Attributes:
        published: CSV of the paper's numbers (retable.published), or None.
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
