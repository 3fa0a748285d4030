"""What `retable ship` does: MLflow is brought up to date from a folder of results, also an MLflow that has nothing."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from retable.ledger import Ledger
from retable.parcel import Parcel
from retable.shipper import ship_all

SECONDS = 600.0
"""Most for one study; a server that takes nothing is given up on sooner."""


def ship(results: Path, console: Console) -> int:
    """Deliver what earlier runs could not, of every study in the folder; exit code 1 if some of it is still here.

    Trials that another process is training are left to it.

    Raises:
        ValueError: no trial of a study is in the folder.
    """
    if next(Parcel.all(results), None) is None:
        raise ValueError(f"{results} holds nothing for MLflow: name with --out the folder that a study wrote")
    states: dict[str, str] = {}
    if (path := results / "ledger.db").exists():
        with Ledger(path) as ledger:
            states = {record.signature: record.state for record in ledger.trials()}
    pending = ship_all(results, states, lambda why: console.print(Text(why, style="yellow")), SECONDS)
    if pending:
        console.print(
            f"{pending:,} points, files and states could not be delivered. Run the same command again."
        )
        return 1
    console.print(f"MLflow has everything that is in {results}.")
    return 0
