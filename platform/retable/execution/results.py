"""Results of trials on the disk, compared with the ledger's copies: one damaged record costs one trial, never the study."""

import logging

from retable.io.sealed import DamagedFile
from retable.store.formats.layout import TrialFolder
from retable.store.formats.quarantine import quarantine
from retable.store.formats.result import ConflictingResults, TrialResult, agreed_result
from retable.store.records import FINISHED, TrialRecord

log = logging.getLogger(__name__)


def found_result(folder: TrialFolder, record: TrialRecord) -> TrialResult | None:
    """The result in a trial's folder; None if there is none, or none that is sound.

    A damaged file is moved into the folder's quarantine. Where the ledger's copy is sound, it is written in its place;
    where the trial is finished and neither is sound, the file stays, for the report to name it.

    Raises:
        ConflictingResults: the file and the ledger's copy differ, and nothing says which one is right.
    """
    try:
        content = folder.result.read_bytes()
    except FileNotFoundError:
        return None
    try:
        result = agreed_result(folder.signature, content, record.result)
    except ConflictingResults:
        raise
    except DamagedFile as error:
        if record.state in FINISHED:
            log.warning("%s", error)
        else:
            log.warning("%s; it was moved to %s", error.problem, quarantine(folder.path, folder.result))
        return None
    if result is not None and not _holds(content, folder.signature, result):
        place = quarantine(folder.path, folder.result)
        result.write(folder.path)
        log.warning(
            "%s was damaged and moved to %s; the ledger's copy of it is in its place", folder.result, place
        )
    return result


def _holds(content: bytes, signature: str, result: TrialResult) -> bool:
    """True if the content of a file is that result."""
    try:
        return TrialResult.parse(content, signature, signature=signature) == result
    except DamagedFile:
        return False
