"""TODO."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retable.trial.trial import Trial


@dataclass(frozen=True)
class Assignment:
    """All that a worker needs to know of the attempt that it serves; sent to workers, never stored.

    Attributes:
        folder: the trial's folder.
        data: root of the data set.
        required: signature -> folder of each finished trial that this one requires.
        split: parts that this attempt cuts each micro-batch into, for want of memory (`retable.execution.retries`).
        storage: URL that the folders are copies of (`retable.store.mirror`); None where all nodes share them.
        where: its workers are, for people.
        labels: what people know the trial by: its ``study``, ``scale`` and ``cell``, the first table row that it fills.
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
        return self.folder / f"stop-{self.attempt}"
