"""The trial's folder of an attempt that begins: its fence, its description, and a shorter training's checkpoints."""

from pathlib import Path

from retable.execution import extension
from retable.planning.plan import PlannedTrial
from retable.store import checkpoint
from retable.store.formats.description import TrialDescription
from retable.store.formats.layout import ResultsFolder
from retable.store.ledger import Ledger


def prepare_folder(
    results: Path,
    planned: PlannedTrial,
    attempt: int,
    ledger: Ledger,
    *,
    commit: str,
    scale: str,
    source: str,
) -> None:
    """Make the folder of a trial ready for an attempt. Earlier attempts can't write into it from then on.

    Args:
        attempt: the attempt's number in the ledger.
        ledger: whose trials include shorter trainings of this one, if there are any.
        commit: of the driver's code.
        scale: name of the scale.
        source: name of the data set.

    Raises:
        retable.store.fence.Fenced: a later attempt has set its fence already.
        retable.io.files.DiskFull: there is no room.
    """
    folder = ResultsFolder(results).trial(planned.signature).path
    start = None
    if next(checkpoint.sound(folder, planned.signature), None) is None:
        found = extension.start_of(planned.trial, ledger.trials(), folder.parent)
        start = None if isinstance(found, str) else found
    if start is not None:
        extension.carry_metrics(start, folder.parent, planned.trial)
    checkpoint.fence(folder, attempt)
    if start is not None:
        extension.carry(start, folder.parent, planned.trial, attempt)
    TrialDescription(
        planned.signature, planned.name, commit, scale, source, dict(planned.trial.identity)
    ).write(folder)
