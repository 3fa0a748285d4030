"""A trade-off between two metrics along one evaluation axis, declared like a table: which cells it runs over."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EqualTime:
    """Cells whose trials are compared by their snapshots, at equal iterations and at equal training time.

    Time is the machine's: the report measures it and names the machine, and no trial depends on it.

    Attributes:
        table: number of the table.
        metric: family that the snapshots are scored by; cells of other metrics are left out.
        compared: ``columns`` compares the cells of each row with one another, ``rows`` those of each column.
    """

    table: str
    metric: str = "fid"
    compared: Literal["columns", "rows"] = "columns"


@dataclass(frozen=True)
class Tradeoff:
    """The curve of one metric over another while something that needs no training varies (BigGAN, Figure 16).

    Attributes:
        table: number of the table whose rows it runs over.
        along: label that varies, such as ``truncation``; rows without a number for it are not on the curve. The
            largest is the point without truncation, unless there is `whole`.
        real: label of the row that scores real held-out data.
        better_low: family of the metric that should be small, such as ``fid``.
        better_high: family of the one that should be large, such as ``is``.
        whole: label of the row without truncation, where no number stands for that, as in normal noise.
    """

    table: str
    along: str
    real: str
    better_low: str = "fid"
    better_high: str = "is"
    whole: str = ""
