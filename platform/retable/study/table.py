"""TODO."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic

from retable.study.published import PublishedNumber
from retable.trial.config import C


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
