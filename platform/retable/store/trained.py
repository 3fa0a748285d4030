"""A finished trial as others use it: its result and the weights of its best snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from retable.errors import RetableError
from retable.io.files import MissingFileError
from retable.store import checkpoint
from retable.store.checkpoint import Checkpoint
from retable.store.formats.layout import TrialFolder
from retable.store.formats.result import TrialResult

_REMEDY = "put it back, or train the trial again with `retable retry STUDY --trial {}`"


class NoWeightsError(RetableError, ValueError):
    """A trial ended before its first snapshot."""


@dataclass(frozen=True)
class Trained:
    """A finished trial.

    Attributes:
        snapshot: its best, whose files match their checksums.
    """

    result: TrialResult
    snapshot: Checkpoint

    def state(self, device: torch.device | str) -> Mapping[str, Any]:
        """The learner's `state` at that snapshot, its tensors on that device.

        Raises:
            retable.store.checkpoint.Corrupt: the files have changed since they were verified.
        """
        return learnt(self.snapshot, device)


def trained(folder: Path) -> Trained:
    """The finished trial in that folder.

    Raises:
        MissingFileError: it is not finished, or its best snapshot is gone.
        NoWeightsError: it ended before its first snapshot.
        retable.io.sealed.DamagedFile: its result is damaged.
        retable.store.checkpoint.Corrupt: its best snapshot is damaged.
    """
    result = TrialResult.read(folder)
    if result is None:
        raise MissingFileError(
            f"the trial in {folder} is not finished: {TrialFolder(folder).result} is missing",
            remedy=f"run its study to its end first, or if the folder was deleted {_REMEDY.format(folder.name)}",
        )
    if result.best is None:
        raise NoWeightsError(
            f"the trial in {folder} {result.state} before its first snapshot: it has no weights",
            remedy="lower its learning rate, or take its first snapshot earlier",
        )
    try:
        return Trained(result, checkpoint.at(folder, result.best, result.signature))
    except (MissingFileError, checkpoint.Corrupt) as error:
        raise type(error)(error.problem, remedy=_REMEDY.format(result.signature)) from error


@dataclass(frozen=True)
class Kept:
    """A snapshot of a trial that was not pruned.

    Attributes:
        seconds: wall time of the training's steps up to it, over all attempts.
    """

    snapshot: Checkpoint
    seconds: float


def kept(folder: Path, signature: str) -> list[Kept]:
    """The sound snapshots of a trial, oldest first."""
    sound = reversed(list(checkpoint.sound(folder, signature)))
    return [Kept(one, float(checkpoint.load(one, "cpu")["progress"]["train_seconds"])) for one in sound]


def learnt(snapshot: Checkpoint, device: torch.device | str) -> Mapping[str, Any]:
    """The learner's `state` at a snapshot, its tensors on that device.

    Raises:
        retable.store.checkpoint.Corrupt: the files have changed since they were verified.
    """
    return cast(Mapping[str, Any], checkpoint.load(snapshot, device)["learner"])
