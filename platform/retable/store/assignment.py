"""The assignment of an attempt to its workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from retable.store.formats.layout import TrialFolder

if TYPE_CHECKING:
    from retable.trial.trial import Trial


@dataclass(frozen=True)
class Assignment:
    """The data that a worker needs about its attempt; sent to workers, never stored.

    Attributes:
        folder: the trial's folder.
        data: root of the data set.
        required: signature -> folder of each finished trial that this one requires.
        split: parts that this attempt cuts each micro-batch into, to save memory (`retable.execution.retries`).
        storage: URL that the folders are copies of (`retable.store.mirror`); None where all nodes share them.
        where: nodes of its workers, for people.
        labels: the trial's ``study``, ``scale`` and ``cell``, the first table row that it fills, for people.
    """

    trial: "Trial"
    folder: Path
    data: Path
    attempt: int
    required: Mapping[str, Path]
    split: int = 1
    storage: str | None = None
    where: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def stop_request(self) -> Path:
        """A file whose existence asks this attempt to save and return."""
        return TrialFolder(self.folder).stop_request(self.attempt)
