"""Restart of a finished trial on request: its weights are gone, and others are to learn from them."""

import os
from pathlib import Path

from retable.errors import OptionError
from retable.io.files import make_folder
from retable.store.formats.layout import ResultsFolder
from retable.store.ledger import Ledger


def restart(results: Path, ledger: Ledger, signature: str) -> Path:
    """Reopen a finished trial for the next run, and move its folder aside.

    A crash between the two leaves the result in its place, from which the ledger takes it again: then nothing has changed.

    Returns:
        The new place of its folder; it may be deleted.

    Raises:
        OptionError: it is not finished, or trials are being trained from these results, maybe with its weights.
    """
    if running := [record.name for record in ledger.trials() if record.state == "running"]:
        raise OptionError(
            f"{', '.join(running)}: being trained from the results in {results}",
            remedy="wait until they are, or stop that process",
        )
    attempt = len(ledger.attempts(signature))
    ledger.reopen(signature, "restarted on request")
    folder = ResultsFolder(results).trial(signature).path
    aside = ResultsFolder(results).set_aside(signature, attempt)
    if folder.exists():
        make_folder(aside.parent)
        os.rename(folder, aside)
    return aside
