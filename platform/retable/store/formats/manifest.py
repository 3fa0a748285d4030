"""The manifest of a checkpoint: whose it is, and the checksums of its files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from retable.errors import RetableError
from retable.io.files import UnusableFileError, seal, unseal
from retable.store.formats.layout import MANIFEST

FORMAT = 1
TENSORS, PLAIN = "state.safetensors", "state.json"


class Corrupt(RetableError, RuntimeError):
    """A checkpoint's files are not those that were saved."""


@dataclass(frozen=True)
class FileChecksum:
    """Size and SHA-256 (hex) of a file of a checkpoint."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """The content of a checkpoint's ``manifest.json``: one line with its own checksum.

    Attributes:
        signature: of the trial.
        attempt: number of the attempt that saved the checkpoint.
        saved: UTC, ISO 8601.
        metrics: of this snapshot, by protocol name; those that were not finite are left out.
        best: iteration of the best snapshot up to here; None where there was none yet.
        files: name -> checksum of each of the checkpoint's files.
    """

    signature: str
    attempt: int
    iteration: int
    saved: str
    metrics: Mapping[str, float]
    best: int | None
    files: Mapping[str, FileChecksum]

    def write(self, folder: Path) -> None:
        """Write the manifest into a checkpoint's folder that has not got its name yet."""
        record = {
            "format": FORMAT,
            "signature": self.signature,
            "attempt": self.attempt,
            "iteration": self.iteration,
            "saved": self.saved,
            "metrics": dict(self.metrics),
            "best": self.best,
            "files": {name: asdict(checksum) for name, checksum in self.files.items()},
        }
        (folder / MANIFEST).write_bytes(seal(record))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of the checkpoint in that folder.

        Raises:
            Corrupt: it is missing or damaged.
            UnusableFileError: it is of a newer format.
        """
        path = folder / MANIFEST
        try:
            record: dict[str, Any] = unseal(path.read_bytes())
        except FileNotFoundError as error:
            raise Corrupt(f"{path} is missing") from error
        except ValueError as error:
            raise Corrupt(f"{path} is damaged: {error}") from error
        if record["format"] != FORMAT:
            raise UnusableFileError(
                f"{folder} has format {record['format']}, but this version of Retable reads {FORMAT}",
                remedy="use the version that saved it, or start the trial again in a new folder",
            )
        return cls(
            record["signature"],
            record["attempt"],
            record["iteration"],
            record["saved"],
            record["metrics"],
            record.get("best"),
            {name: FileChecksum(**checksum) for name, checksum in record["files"].items()},
        )
