"""Finished trials, found by what their folders say."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from retable.data.datasets import here
from retable.data.scan.catalog import scan
from retable.errors import RetableError
from retable.figures.revive import revived
from retable.io.files import read_json
from retable.store import checkpoint
from retable.store.trained import Trained, trained
from retable.trial.trial import Trial


class NothingToDraw(RetableError, ValueError):
    """A trial that is not there, not finished, or ended without weights, or whose data set is not here."""


@dataclass(frozen=True)
class TrainedTrial:
    """A finished trial's best snapshot.

    Attributes:
        name: what the trial is called beside others.
        folder: the trial's folder.
        trained: its result and the snapshot.
        device: where to draw.
        scale: at which it was trained; empty where its folder does not say.
        source: name of its data set; empty where its folder does not say.
        given: where the user says that the data set is.
    """

    trial: Trial
    name: str
    folder: Path
    trained: Trained
    device: torch.device
    scale: str = ""
    source: str = ""
    given: Path | None = None

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
            retable.store.checkpoint.Corrupt: the files have changed since they were found whole.
        """
        return self.trained.state("cpu")

    @property
    def stamp(self) -> str:
        """What a picture of it has to say."""
        scale = f"{self.scale} scale, " if self.scale else ""
        return f"[{scale}iteration {self.iteration:,} of trial {self.trial.signature}]"

    def data(self) -> Path:
        """Root of the data set that it was trained on.

        Raises:
            NothingToDraw: it is not on this machine, or another one is there.
        """
        name = self.source or "data set"
        root = here(self.source, self.given)
        if root is None:
            raise NothingToDraw(
                f"trial {self.trial.signature} was trained on the {name}, which is not known to be here",
                remedy="say where with --data DIR",
            )
        if (found := scan(root).fingerprint) != self.trial.data:
            raise NothingToDraw(
                f"trial {self.trial.signature} was trained on data {self.trial.data}, but {root} holds {found}",
                remedy="give its own with --data DIR",
            )
        return root

    def other(self, trial: Trial) -> "TrainedTrial":
        """A trial that it requires.

        Raises:
            NothingToDraw: as `opened`.
        """
        return opened(self.folder.parent.parent, trial, trial.config.trainable, self.device, self.given)


def opened(
    results: Path, trial: Trial, name: str, device: torch.device, given: Path | None = None
) -> TrainedTrial:
    """The trial's best snapshot, its files found whole.

    Args:
        given: where the user says that the data set is.

    Raises:
        NothingToDraw: the trial is not finished, collapsed before its first snapshot, or its best one is damaged.
    """
    folder = results / "trials" / trial.signature
    try:
        found = trained(folder)
        about = read_json(folder / "config.json")
    except RetableError as error:
        problem = f"trial {trial.signature} can't be drawn: {error.problem}"
        raise NothingToDraw(problem, remedy=error.remedy) from error
    except FileNotFoundError as error:
        raise NothingToDraw(f"trial {trial.signature} can't be drawn: {error}") from error
    scale, source = (str(about.get(key, "")) for key in ("scale", "source"))
    return TrainedTrial(trial, name, folder, found, device, scale, source, given)


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
    return {path.parent.name: read_json(path) for path in paths}
