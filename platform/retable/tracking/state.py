"""The delivery state of a trial: the part of it that is in the tracker, and in which tracker."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, Self
from urllib.parse import quote

from retable.io.sealed import DamagedFile, parse_sealed, write_sealed
from retable.store.formats.layout import TrialFolder
from retable.store.metrics_log import Position
from retable.tracking.runs import TrialRun

REMEDY = "run its study again: the trial is delivered again, and nothing is stored twice"


@dataclass(frozen=True, kw_only=True)
class DeliveryState:
    """The content of a file in a trial's ``tracking`` folder, one for each study and scale that has the trial.

    Attributes:
        experiment: name of the tracker's experiment.
        trial: the trial, as the tracker shows it.
        training: id of this training of the trial; another training has its own run.
        state: the trial's final state in the ledger; None while it is being trained.
        start_ms, end_ms: start and end of the training, UTC milliseconds.
        place: hash of server and experiment; None before the first delivery.
        run_id: the tracker's id of the run; None before the run exists.
        position: position in the metrics logs up to which points were delivered.
        files: SHA-256 (hex) of each delivered artifact, by name.
        ended: True if the final state was delivered.
    """

    experiment: str
    trial: TrialRun
    training: str
    state: str | None
    start_ms: int
    end_ms: int
    place: str | None = None
    run_id: str | None = None
    position: Position = field(default_factory=Position)
    files: Mapping[str, str] = field(default_factory=dict)
    ended: bool = False

    @staticmethod
    def path(trial: TrialRun) -> Path:
        """Path of the file for that trial in that study."""
        name = f"{quote(trial.study, safe='')}.{quote(trial.scale, safe='')}.json"
        return TrialFolder(trial.folder).tracking / name

    def write(self) -> None:
        """Write the state into the trial's folder, sealed, whole or not at all.

        Raises:
            retable.io.files.DiskFull: there is no room.
        """
        record = {
            "experiment": self.experiment,
            "trial": {key: value for key, value in asdict(self.trial).items() if key != "folder"},
            "training": self.training,
            "state": self.state,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "place": self.place,
            "run_id": self.run_id,
            "position": self.position.to_json(),
            "files": dict(self.files),
            "ended": self.ended,
        }
        write_sealed(self.path(self.trial), record)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The state in that file, with the present path of the trial's folder.

        Raises:
            FileNotFoundError: there is no such file.
            DamagedFile: the file is damaged, or names files outside of the trial's folder.
        """
        record, _ = parse_sealed(path.read_bytes(), path, remedy=REMEDY)
        try:
            return cls._of(record, path.parents[1])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedFile(
                f"{path} is no delivery state: {type(error).__name__}: {error}", remedy=REMEDY
            ) from error

    @classmethod
    def _of(cls, record: Mapping[str, Any], folder: Path) -> Self:
        artifacts = tuple(record["trial"]["artifacts"])
        for pattern in artifacts:
            if PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
                raise ValueError(f"artifacts must lie in the trial's folder, but one is {pattern!r}")
        return cls(
            experiment=record["experiment"],
            trial=TrialRun(**{**record["trial"], "folder": folder, "artifacts": artifacts}),
            training=record["training"],
            state=record["state"],
            start_ms=record["start_ms"],
            end_ms=record["end_ms"],
            place=record["place"],
            run_id=record["run_id"],
            position=Position.from_json(record["position"]),
            files=dict(record["files"]),
            ended=record["ended"],
        )
