"""A comparison of trials at equal training time, declared like a table: which cells are compared."""

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
