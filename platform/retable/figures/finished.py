"""Finished trials, found by what their folders say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from retable import checkpoint
from retable.figures.revive import revived
from retable.trial import Trial


class NothingToDraw(ValueError):
    """A trial that is not there, not finished, or ended without weights."""


@dataclass(frozen=True)
class Finished:
    """A finished trial's best snapshot.

    Attributes:
        name: what the trial is called beside others.
        folder: the trial's folder.
        iteration: of the snapshot.
        weights: SHA-256 (hex) of the tensors that were saved with it.
        device: where to draw.
    """

    trial: Trial
    name: str
    folder: Path
    iteration: int
    weights: str
    device: torch.device

    def state(self) -> Mapping[str, Any]:
        """What the learner's `state` was, on the CPU.

        Raises:
            retable.checkpoint.Corrupt: the files have changed since they were found whole.
        """
        saved = checkpoint.at(self.folder, self.iteration, self.trial.signature)
        return cast(Mapping[str, Any], checkpoint.load(saved, "cpu")["learner"])


def opened(results: Path, trial: Trial, name: str, device: torch.device) -> Finished:
    """The trial's best snapshot, its files found whole.

    Raises:
        NothingToDraw: the trial is not finished, collapsed before its first snapshot, or its best one is damaged.
    """
    signature = trial.signature
    folder = results / "trials" / signature
    path = folder / "result.json"
    if not path.exists():
        raise NothingToDraw(
            f"trial {signature} is not finished: {path} is missing. Train it to its end first"
        )
    result = json.loads(path.read_text(encoding="utf-8"))
    if result["best"] is None:
        raise NothingToDraw(
            f"trial {signature} {result['state']} before its first snapshot: there are no weights to draw from"
        )
    try:
        saved = checkpoint.at(folder, result["best"], signature)
    except (FileNotFoundError, checkpoint.Corrupt) as error:
        raise NothingToDraw(f"trial {signature} lost its best snapshot: {error}") from error
    return Finished(trial, name, folder, saved.iteration, saved.hashes[checkpoint.TENSORS], device)


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
