"""`retable ship`: MLflow gets the results of a folder that it does not have, also a new MLflow."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from retable.cli.arguments.options import Out
from retable.cli.arguments.request import Given, refresh
from retable.store.formats.layout import ResultsFolder
from retable.store.ledger import Ledger

SECONDS = 600.0
"""Most for one study; a server that takes nothing is given up on sooner."""


def ship(*, out: Out = Path("results"), session: Given) -> int:
    """Deliver results to MLflow that earlier runs could not deliver, of every study in the folder."""
    refresh(out)
    return deliver(out, session.console)


def deliver(results: Path, console: Console) -> int:
    """Deliver the undelivered results of every study in the folder; exit code 1 if some remain.

    Trials that another process is training are left to that process.

    Raises:
        ValueError: no trial of a study is in the folder.
    """
    from retable.tracking.delivery import Delivery
    from retable.tracking.uploader import upload_all

    if next(Delivery.all(results), None) is None:
        raise ValueError(f"{results} holds nothing for MLflow: name with --out the folder that a study wrote")
    states: dict[str, str] = {}
    if (path := ResultsFolder(results).ledger).exists():
        with Ledger(path) as ledger:
            states = {record.signature: record.state for record in ledger.trials()}
    pending = upload_all(results, states, lambda why: console.print(Text(why, style="yellow")), SECONDS)
    if pending:
        console.print(
            f"{pending:,} points, files and states could not be delivered. Run the same command again."
        )
        return 1
    console.print(f"MLflow has everything that is in {results}.")
    return 0
