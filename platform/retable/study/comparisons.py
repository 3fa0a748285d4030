"""Comparisons that a study declares over a table's cells: at equal training time, and of two metrics as a trade-off."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EqualTime:
    """Comparison of trials by their snapshots, at equal iterations and at equal training time.

    Training time depends on the machine: the report names the machine, and no trial depends on the time.

    Attributes:
        table: number of the table.
        metric: metric family of the snapshots' scores; cells of other metrics are left out.
        compared: ``columns`` compares the cells within each row, ``rows`` the cells within each column.
    """

    table: str
    metric: str = "fid"
    compared: Literal["columns", "rows"] = "columns"


@dataclass(frozen=True)
class Tradeoff:
    """Curve of one metric over another while a parameter of sampling varies (BigGAN, Figure 16).

    Attributes:
        table: number of the table whose rows are the points of the curve.
        along: config label of the parameter, such as ``truncation``; rows without a number for it are not on the curve.
            The largest value is the point without truncation, unless `whole` is given.
        real: label of the row that scores real held-out data.
        better_low: metric family where less is better, such as ``fid``.
        better_high: metric family where more is better, such as ``is``.
        whole: label of the row without truncation, if no number stands for that, as for normal noise.
    """

    table: str
    along: str
    real: str
    better_low: str = "fid"
    better_high: str = "is"
    whole: str = ""
