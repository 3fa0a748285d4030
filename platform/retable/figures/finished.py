"""Finished trials, found by what their folders say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from retable import checkpoint
from retable.figures.revive import revived
from retable.trained import Trained, trained
from retable.trial import Trial


class NothingToDraw(ValueError):
    """A trial that is not there, not finished, or ended without weights."""


@dataclass(frozen=True)
class Finished:
    """A finished trial's best snapshot.

    Attributes:
        name: what the trial is called beside others.
        folder: the trial's folder.
        trained: its result and the snapshot.
        device: where to draw.
    """

    trial: Trial
    name: str
    folder: Path
    trained: Trained
    device: torch.device

    @property
    def iteration(self) -> int:
        """Of the snapshot."""
        return self.trained.snapshot.iteration

    @property
    def weights(self) -> str:
        """SHA-256 (hex) of the tensors that were saved with it."""
        return self.trained.snapshot.hashes[checkpoint.TENSORS]

    def state(self) -> Mapping[str, Any]:
        """What the learner's `state` was, on the CPU.

        Raises:
            retable.checkpoint.Corrupt: the files have changed since they were found whole.
        """
        return self.trained.state("cpu")


def opened(results: Path, trial: Trial, name: str, device: torch.device) -> Finished:
    """The trial's best snapshot, its files found whole.

    Raises:
        NothingToDraw: the trial is not finished, collapsed before its first snapshot, or its best one is damaged.
    """
    folder = results / "trials" / trial.signature
    try:
        return Finished(trial, name, folder, trained(folder), device)
    except (FileNotFoundError, ValueError, checkpoint.Corrupt) as error:
        raise NothingToDraw(f"trial {trial.signature} can't be drawn: {error}") from error


def find(results: Path, prefix: str) -> tuple[Trial, str]:
    """The only trial whose signature begins so, and its name.

    Raises:
        NothingToDraw: there is none, or more than one.
        ValueError: it is of a family or version that is not here.
    """
    known = identities(results)
    found = {signature: known[signature] for signature in known if signature.startswith(prefix)}
    if len(found) != 1:
        listed = "".join(
            f"\n  {signature}  {identity['trainable']} {identity['name']}"
            for signature, identity in sorted((found or known).items())
        )
        many = f"{len(found)} trials begin" if found else "no trial begins"
        raise NothingToDraw(
            f"{many} with {prefix!r}, and none is a study's file of that name; in {results / 'trials'} there are: "
            f"{listed or 'none'}"
        )
    ((signature, identity),) = found.items()
    return revived(identity, signature), str(identity["name"])


def identities(results: Path) -> dict[str, Mapping[str, object]]:
    """Signature -> what ``config.json`` holds, of every trial that was ever begun."""
    paths = sorted((results / "trials").glob("*/config.json"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}
