"""What a finished trial has learnt: its result and its best snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from retable.errors import RetableError
from retable.io.files import MissingFileError, read_json
from retable.store import checkpoint
from retable.store.checkpoint import Checkpoint

_MENDED = "bring it back, or train the trial again with `retable retry STUDY --trial {}`"


class NoWeightsError(RetableError, ValueError):
    """A trial ended before its first snapshot."""


@dataclass(frozen=True)
class Trained:
    """A finished trial.

    Attributes:
        result: what its ``result.json`` holds.
        snapshot: its best, the files found whole.
    """

    result: Mapping[str, Any]
    snapshot: Checkpoint

    def state(self, device: torch.device | str) -> Mapping[str, Any]:
        """What the learner's `state` was at that snapshot.

        Raises:
            retable.store.checkpoint.Corrupt: the files have changed since they were found whole.
        """
        return learnt(self.snapshot, device)


def trained(folder: Path) -> Trained:
    """The finished trial in that folder.

    Raises:
        MissingFileError: it is not finished, or its best snapshot is gone.
        NoWeightsError: it ended before its first snapshot.
        UnusableFileError: its result is damaged.
        retable.store.checkpoint.Corrupt: its best snapshot is damaged.
    """
    path = folder / "result.json"
    if not path.exists():
        raise MissingFileError(
            f"the trial in {folder} is not finished: {path} is missing",
            remedy=f"run its study to its end first, or if the folder was deleted {_MENDED.format(folder.name)}",
        )
    result = read_json(path)
    if result["best"] is None:
        raise NoWeightsError(
            f"the trial in {folder} {result['state']} before its first snapshot: it has no weights",
            remedy="lower its learning rate, or shorten the way to its first snapshot",
        )
    try:
        return Trained(result, checkpoint.at(folder, result["best"], result["signature"]))
    except (MissingFileError, checkpoint.Corrupt) as error:
        raise type(error)(error.problem, remedy=_MENDED.format(result["signature"])) from error


@dataclass(frozen=True)
class Kept:
    """A snapshot that was kept.

    Attributes:
        seconds: wall time of the training's steps up to it, over all attempts.
    """

    snapshot: Checkpoint
    seconds: float


def kept(folder: Path, signature: str) -> list[Kept]:
    """The snapshots of a trial that are still there and whole, the oldest first."""
    sound = reversed(list(checkpoint.sound(folder, signature)))
    return [Kept(one, float(checkpoint.load(one, "cpu")["progress"]["train_seconds"])) for one in sound]


def learnt(snapshot: Checkpoint, device: torch.device | str) -> Mapping[str, Any]:
    """What the learner's `state` was at a snapshot, its tensors on that device.

    Raises:
        retable.store.checkpoint.Corrupt: the files have changed since they were found whole.
    """
    return cast(Mapping[str, Any], checkpoint.load(snapshot, device)["learner"])
