"""Finished trials, found by what their folders say."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from retable.data.datasets import here
from retable.data.scan.catalog import scan
from retable.figures.revive import revived
from retable.io.sealed import DamagedFile
from retable.store import checkpoint
from retable.store.formats.description import TrialDescription
from retable.store.formats.layout import ResultsFolder
from retable.store.trained import Trained, trained
from retable.trial.trial import Trial

log = logging.getLogger(__name__)


class NothingToDraw(ValueError):
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
                f"trial {self.trial.signature} was trained on the {name}, which is not known to be here; say where with "
                "--data DIR"
            )
        if (found := scan(root).fingerprint) != self.trial.data:
            raise NothingToDraw(
                f"trial {self.trial.signature} was trained on data {self.trial.data}, but {root} holds {found}; give "
                "its own with --data DIR"
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
    folder = ResultsFolder(results).trial(trial.signature).path
    try:
        found = trained(folder)
        about = TrialDescription.read(folder)
    except (FileNotFoundError, ValueError, checkpoint.Corrupt) as error:
        raise NothingToDraw(f"trial {trial.signature} can't be drawn: {error}") from error
    scale, source = ("", "") if about is None else (about.scale, about.source)
    return TrainedTrial(trial, name, folder, found, device, scale, source, given)


def find(results: Path, prefix: str) -> tuple[Trial, str]:
    """The only trial whose signature begins so, and its name.

    Raises:
        NothingToDraw: there is none, or more than one.
        ValueError: it is of a family or version that is not here.
    """
    known = descriptions(results)
    found = {signature: known[signature] for signature in known if signature.startswith(prefix)}
    if len(found) != 1:
        listed = "".join(
            f"\n  {signature}  {one.identity['trainable']} {one.name}"
            for signature, one in sorted((found or known).items())
        )
        many = f"{len(found)} trials begin" if found else "no trial begins"
        raise NothingToDraw(
            f"{many} with {prefix!r}, and none is a study's file of that name; in {ResultsFolder(results).trials} there are: "
            f"{listed or 'none'}"
        )
    ((signature, description),) = found.items()
    return revived(description.identity, signature), description.name


def descriptions(results: Path) -> dict[str, TrialDescription]:
    """Signature -> description of every trial that was ever begun, but for those whose description is damaged."""
    found = {}
    for folder in ResultsFolder(results).trial_folders():
        try:
            description = TrialDescription.read(folder.path)
        except DamagedFile as error:  # of one trial; the others can be drawn
            log.warning("%s", error)
            continue
        if description is not None:
            found[folder.signature] = description
    return found
