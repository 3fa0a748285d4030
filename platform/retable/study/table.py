"""Table, row, column and cell of a study."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic

from retable.study.published import PublishedNumber
from retable.trial.config import C


@dataclass(frozen=True)
class Row(Generic[C]):
    """Row of a table.

    Attributes:
        config: config at paper scale; None for numbers that the paper cites from others.
        model: name of the row in the published CSV, if it differs from the label.
    """

    label: str
    config: C | None = None
    model: str | None = None


def unchanged(config: C) -> C:
    """Identity, the change of a column that changes nothing."""
    return config


@dataclass(frozen=True)
class Column(Generic[C]):
    """Column of a table.

    Attributes:
        metric: metric family, such as ``is`` or ``fid``; the config determines the protocol.
        change: the row's config -> the config of the cell.
        model: name of the column in the published CSV, if columns are models there.
        published: name of the metric in the published CSV, if it differs from `metric`.
    """

    label: str
    metric: str
    change: Callable[[C], C] = field(default=unchanged)
    model: str | None = None
    published: str = ""


@dataclass(frozen=True)
class Cell(Generic[C]):
    """Cell of a table: its config and its published number.

    Attributes:
        table: number of the table.
        row: label of the row.
        column: label of the column.
        metric: metric family.
        config: config at the plan's scale; None for numbers that the paper cites from others, and for invalid configs.
        published: the paper's number; None if it has none.
        obstacle: message of the ValueError if the config is invalid; else empty.
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
    """Table of a paper: rows × columns of cells.

    Attributes:
        number: number of the table in the paper.
        reference: label of the row or column that the others are compared with; empty for none.

    Raises:
        ValueError: labels are not unique, or `reference` is not one of them.
    """

    number: str
    caption: str
    rows: tuple[Row[C], ...]
    columns: tuple[Column[C], ...]
    reference: str = ""

    def __post_init__(self) -> None:
        for kind, labels in (
            ("rows", [r.label for r in self.rows]),
            ("columns", [c.label for c in self.columns]),
        ):
            if len(set(labels)) < len(labels):
                raise ValueError(
                    f"the {kind} of table {self.number} must have different labels, but got {labels}"
                )
        labels = [*(row.label for row in self.rows), *(column.label for column in self.columns)]
        if self.reference and labels.count(self.reference) != 1:
            raise ValueError(
                f"the reference of table {self.number} must be one of {labels}, but got {self.reference!r}"
            )

    def metric(self, row: str, column: str) -> str:
        """Metric family of the cell with those labels.

        Raises:
            ValueError: there is no such row or column.
        """
        for kind, label, known in (
            ("row", row, [one.label for one in self.rows]),
            ("column", column, [one.label for one in self.columns]),
        ):
            if label not in known:
                raise ValueError(f"table {self.number} has no {kind} {label!r}; it has {known}")
        return next(one.metric for one in self.columns if one.label == column)
