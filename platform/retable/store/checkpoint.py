"""Atomic save and load of training state: tensors and plain data, checked by hash, never pickled classes.

A checkpoint is a folder named by its iteration, with three files: the tensors, everything else as JSON with a mark in the
place of each tensor, and the manifest with their sizes and SHA-256. It gets its name when all of them are on the disk.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes

from retable.io.files import (
    TEMPORARY,
    MissingFileError,
    UnusableFileError,
    make_folder,
    new_folder,
    room_for,
)
from retable.io.state_dict import joined, split
from retable.store.fence import Fenced, check, fence
from retable.store.formats.layout import TrialFolder
from retable.store.formats.manifest import PLAIN, TENSORS, Corrupt, FileChecksum, Manifest
from retable.store.formats.quarantine import quarantine

__all__ = [
    "PLAIN",
    "TENSORS",
    "Checkpoint",
    "Corrupt",
    "Fenced",
    "adopt",
    "at",
    "fence",
    "load",
    "newest",
    "prune",
    "save",
    "sound",
]

SLACK = 1 << 14  # bytes that the folder itself and the last blocks of its files may take

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files were found whole.

    Attributes:
        attempt: the attempt that saved it.
        metrics: as given to `save`, without those that were not finite.
        best: iteration of the best snapshot up to here; None where there was none yet.
        hashes: SHA-256 (hex) of its files.
        skipped: newer ones that were damaged and went into quarantine: why, newest first.
    """

    path: Path
    signature: str
    attempt: int
    iteration: int
    metrics: Mapping[str, float]
    best: int | None
    hashes: Mapping[str, str]
    skipped: tuple[str, ...] = ()


def save(
    folder: Path,
    iteration: int,
    state: Mapping[str, Any],
    *,
    signature: str,
    attempt: int,
    metrics: Mapping[str, float] = MappingProxyType({}),
    best: int | None = None,
) -> Path:
    """Save the state of training, whole or not at all. Only rank 0 calls it.

    A sound checkpoint of the same iteration is left as it is: an attempt that resumed repeats the same bits.

    Args:
        folder: the trial's folder.
        state: nested dicts, lists and tuples of tensors, None, bool, int, float and str.
        signature: the trial's.
        attempt: the attempt's number in the ledger.
        metrics: of this snapshot, by protocol name.
        best: iteration of the best snapshot so far, this one included.

    Returns:
        The checkpoint's folder.

    Raises:
        Fenced: the attempt was replaced by a later one.
        DiskFull: there is no room; older checkpoints are intact and nothing partial is left.
        TypeError: the state holds something else.
        ValueError: the folder holds a checkpoint of another trial.
    """
    check(folder, attempt)
    path = TrialFolder(folder).checkpoint(iteration)
    if (known := _known(folder, path, signature)) is not None:
        return known
    plain, tensors = split(state)
    files = {TENSORS: tensor_bytes(tensors), PLAIN: json.dumps(plain, allow_nan=False).encode()}
    manifest = Manifest(
        signature,
        attempt,
        iteration,
        saved=datetime.now(UTC).isoformat(timespec="milliseconds"),
        metrics={key: float(value) for key, value in metrics.items() if math.isfinite(value)},
        best=best,
        files={
            name: FileChecksum(hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()
        },
    )
    make_folder(path.parent)
    _remove_leftovers(path.parent)
    needed = sum(map(len, files.values())) + SLACK
    with room_for(needed, path.parent), new_folder(path) as temporary:
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        manifest.write(temporary)
        check(folder, attempt)  # again: writing may have taken minutes, or this process was stopped meanwhile
    return path


def newest(folder: Path, signature: str) -> Checkpoint | None:
    """The newest checkpoint that is whole; None if there is none.

    Damaged ones are moved into ``quarantine``, never deleted, logged, and named in `Checkpoint.skipped`.

    Raises:
        ValueError: a checkpoint is another trial's, or of a newer format.
    """
    skipped: list[str] = []
    for path in TrialFolder(folder).checkpoints_saved().values():
        try:
            return replace(_verified(path, signature), skipped=tuple(skipped))
        except Corrupt as error:
            skipped.append(_quarantine(folder, path, error))
    return None


def sound(folder: Path, signature: str) -> Iterator[Checkpoint]:
    """The whole checkpoints of a trial, newest first. Damaged ones are passed over and stay where they are.

    Raises:
        ValueError: a checkpoint is another trial's, or of a newer format.
    """
    for path in TrialFolder(folder).checkpoints_saved().values():
        with contextlib.suppress(Corrupt):
            yield _verified(path, signature)


def adopt(source: Checkpoint, folder: Path, *, signature: str, attempt: int) -> Path:
    """Give a trial another trial's checkpoint as its own: the same state, under its signature.

    A sound checkpoint of the same iteration is left as it is.

    Args:
        folder: the folder of the trial that gets it.
        signature, attempt: of that trial.

    Raises:
        Fenced: the attempt was replaced by a later one.
        DiskFull: there is no room.
        Corrupt: the files have changed since they were found whole.
    """
    check(folder, attempt)
    path = TrialFolder(folder).checkpoint(source.iteration)
    if (known := _known(folder, path, signature)) is not None:
        return known
    manifest = replace(Manifest.read(source.path), signature=signature, attempt=attempt)
    size = sum((source.path / name).stat().st_size for name in (TENSORS, PLAIN))
    with room_for(size + SLACK, folder), new_folder(path) as temporary:
        for name in (TENSORS, PLAIN):
            shutil.copyfile(source.path / name, temporary / name)
        manifest.write(temporary)
        check(folder, attempt)
    return _verified(path, signature).path


def at(folder: Path, iteration: int, signature: str) -> Checkpoint:
    """The checkpoint of that iteration.

    Raises:
        FileNotFoundError: there is none.
        Corrupt: it is damaged.
        ValueError: it is another trial's, or of a newer format.
    """
    path = TrialFolder(folder).checkpoint(iteration)
    if not path.is_dir():
        saved = TrialFolder(folder).checkpoints_saved()
        known = ", ".join(str(other) for other in reversed(saved)) or "none"
        raise MissingFileError(f"{folder} has no checkpoint of iteration {iteration}; it has {known}")
    return _verified(path, signature)


def load(checkpoint: Checkpoint, device: torch.device | str) -> dict[str, Any]:
    """The state that was saved: same values, dtypes and nesting, to the bit; dicts of any kind come back as dict.

    Args:
        device: where all tensors go (a random generator's state has to go back to the CPU).

    Raises:
        Corrupt: the files have changed since they were found whole.
    """
    files = {name: (checkpoint.path / name).read_bytes() for name in (TENSORS, PLAIN)}
    for name, data in files.items():
        _compare(checkpoint.path / name, hashlib.sha256(data).hexdigest(), checkpoint.hashes[name])
    try:
        tensors = parse_tensors(files[TENSORS])
        state = joined(json.loads(files[PLAIN]), {name: t.to(device) for name, t in tensors.items()})
    except (SafetensorError, ValueError, KeyError) as error:
        raise Corrupt(f"{checkpoint.path} has the right hashes but is no checkpoint: {error}") from error
    return cast(dict[str, Any], state)


def prune(folder: Path, keep: int, keep_iterations: Collection[int]) -> list[int]:
    """Remove old checkpoints, but never the newest two that are whole.

    Args:
        keep: how many of the newest whole ones stay; below 2 counts as 2.
        keep_iterations: others that stay, such as the best one's.

    Returns:
        The iterations removed.
    """
    _remove_leftovers(TrialFolder(folder).checkpoints)
    saved = TrialFolder(folder).checkpoints_saved()
    whole, removed = 0, []
    for iteration, path in saved.items() if len(saved) > max(keep, 2) else ():
        if whole < max(keep, 2):
            try:
                _verified(path, None)
                whole += 1
            except Corrupt as error:
                _quarantine(folder, path, error)
        elif iteration not in keep_iterations:
            doomed = path.with_name(f".{path.name}{TEMPORARY}")
            os.rename(path, doomed)  # at once, so that no half of it is ever met
            shutil.rmtree(doomed)
            removed.append(iteration)
    return removed


def _known(folder: Path, path: Path, signature: str) -> Path | None:
    """A sound checkpoint at that place; None if there is none, or a damaged one, which is moved aside."""
    if path.exists():
        try:
            return _verified(path, signature).path
        except Corrupt as error:
            _quarantine(folder, path, error)
    return None


def _verified(path: Path, signature: str | None) -> Checkpoint:
    manifest = Manifest.read(path)
    if signature is not None and manifest.signature != signature:
        raise UnusableFileError(
            f"{path} belongs to trial {manifest.signature}, but trial {signature} was to go on from it; "
            "each trial needs a folder of its own",
            remedy="move this one away and run the same command again",
        )
    if manifest.iteration != int(path.name):
        raise Corrupt(f"{path} holds iteration {manifest.iteration}")
    hashes = {name: checksum.sha256 for name, checksum in manifest.files.items()}
    for name in (TENSORS, PLAIN):
        try:
            with (path / name).open("rb") as file:
                _compare(path / name, hashlib.file_digest(file, "sha256").hexdigest(), hashes[name])
        except FileNotFoundError as error:
            raise Corrupt(f"{path / name} is missing") from error
    return Checkpoint(
        path,
        manifest.signature,
        manifest.attempt,
        manifest.iteration,
        manifest.metrics,
        manifest.best,
        hashes,
    )


def _compare(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise Corrupt(f"{path} has SHA-256 {found[:16]}…, but its manifest gives {expected[:16]}…")


def _quarantine(folder: Path, path: Path, why: Corrupt) -> str:
    """Move a damaged checkpoint aside; returns the reason and its new place."""
    message = f"{why}; the checkpoint was moved to {quarantine(folder, path)}"
    log.warning("%s", message)
    return message


def _remove_leftovers(folder: Path) -> None:
    """Leftovers of a save or a pruning that was killed."""
    for leftover in folder.glob(f".*{TEMPORARY}"):
        shutil.rmtree(leftover)
