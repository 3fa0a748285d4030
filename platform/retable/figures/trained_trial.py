"""Finished trials in a folder of results, opened for drawing."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from retable.data.datasets import here
from retable.data.scan.catalog import scan
from retable.errors import RetableError
from retable.figures.revive import revived
from retable.io.sealed import DamagedFile
from retable.store import checkpoint
from retable.store.formats.description import TrialDescription
from retable.store.formats.layout import ResultsFolder
from retable.store.trained import Trained, trained
from retable.trial.trial import Trial

log = logging.getLogger(__name__)


class NothingToDraw(RetableError, ValueError):
    """A trial can't be drawn: it is missing, not finished or without weights, or its data set is not on this machine."""


@dataclass(frozen=True)
class TrainedTrial:
    """A finished trial at its best snapshot.

    Attributes:
        name: of the trial beside others.
        folder: of the trial.
        trained: result and snapshot.
        device: where to draw.
        scale: of the training; empty if the folder does not say.
        source: name of the data set; empty if the folder does not say.
        given: path of the data set, from the user.
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
    def trained_on(self) -> str:
        """Workers and device of its training, such as ``2 × Tesla V100-SXM2-32GB``."""
        return f"{self.trained.result.workers} × {self.trained.result.device}"

    @property
    def train_seconds(self) -> float:
        """Wall seconds of its training."""
        return self.trained.result.train_seconds

    @property
    def iteration(self) -> int:
        """Iteration of the snapshot."""
        return self.trained.snapshot.iteration

    @property
    def weights(self) -> str:
        """SHA-256 (hex) of the snapshot's tensors."""
        return self.trained.snapshot.hashes[checkpoint.TENSORS]

    def state(self) -> Mapping[str, Any]:
        """The learner's state at the snapshot, on the CPU.

        Raises:
            retable.store.checkpoint.Corrupt: the files have changed since they were found whole.
        """
        return self.trained.state("cpu")

    @property
    def stamp(self) -> str:
        """Text for pictures: scale, iteration and signature."""
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
        """A trial that this one requires.

        Raises:
            NothingToDraw: as `opened`.
        """
        return opened(self.folder.parent.parent, trial, trial.config.trainable, self.device, self.given)


def opened(
    results: Path, trial: Trial, name: str, device: torch.device, given: Path | None = None
) -> TrainedTrial:
    """Open a finished trial at its best snapshot, whose files are verified.

    Args:
        name: of the trial beside others.
        given: path of the data set, from the user.

    Raises:
        NothingToDraw: the trial is not finished, collapsed before its first snapshot, or its best one is damaged.
    """
    folder = ResultsFolder(results).trial(trial.signature).path
    try:
        found = trained(folder)
        about = TrialDescription.read(folder)
    except RetableError as error:
        problem = f"trial {trial.signature} can't be drawn: {error.problem}"
        raise NothingToDraw(problem, remedy=error.remedy) from error
    scale, source = ("", "") if about is None else (about.scale, about.source)
    return TrainedTrial(trial, name, folder, found, device, scale, source, given)


def find(results: Path, prefix: str) -> tuple[Trial, str]:
    """The only trial whose signature begins with a prefix, and its name.

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
