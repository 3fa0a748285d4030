"""A worker's own copy of the trials' folders, on nodes that share no file system."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from retable.io.cache import cache_folder
from retable.io.object_store import ObjectStore
from retable.store.assignment import Assignment
from retable.store.fence import Fenced
from retable.store.formats.layout import ResultsFolder
from retable.store.mirror import Mirror


def local_results(url: str) -> Path:
    """This node's own copy of the results under a URL, in its cache folder."""
    return cache_folder().absolute() / "results" / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]


@contextmanager
def working_copy(assignment: Assignment, rank: int) -> Iterator[tuple[Assignment, Mirror | None]]:
    """The assignment in this node's own folders, while the body works on it; unchanged where nodes share a file system.

    What the trial needs is copied before the body, and what it wrote after it, also when it fails.

    Raises:
        retable.store.fence.Fenced: the attempt was replaced by a later one.
        OSError: the place does not answer.
    """
    if assignment.storage is None:
        yield assignment, None
        return
    object_store, root = ObjectStore(assignment.storage), ResultsFolder(local_results(assignment.storage))
    for signature in assignment.required:
        Mirror(object_store, root.trial(signature).path).fetch()
    mirror = Mirror(object_store, root.trial(assignment.trial.signature).path)
    mirror.fetch()
    if rank == 0:
        mirror.push(assignment.attempt)  # what this node has of an earlier attempt that could not send it
    required = {signature: root.trial(signature).path for signature in assignment.required}
    try:
        yield replace(assignment, folder=mirror.folder, required=required), mirror
    except BaseException:
        with suppress(OSError, Fenced):  # the body's error is the one to tell
            if rank == 0:
                mirror.push(assignment.attempt)
            mirror.push_failure(assignment.attempt)
        raise
    if rank == 0:
        mirror.push(assignment.attempt)
    mirror.push_failure(assignment.attempt)
