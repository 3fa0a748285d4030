"""The description of a trial: its identity, and the labels that people know it by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from retable.io.sealed import DamagedFile, parse_sealed, write_sealed
from retable.store.formats.layout import TrialFolder

IDENTITY = ("trainable", "config", "seed", "data", "requires")
REMEDY = "restore a copy of it, or delete it and run its study again: the next attempt writes it"


@dataclass(frozen=True)
class TrialDescription:
    """The content of a trial's ``config.json``. The driver writes it before each attempt.

    Attributes:
        signature: the trial's.
        name: the trial's name in the study that began the attempt.
        commit: of the driver's code, with ``-dirty`` where the checkout was changed; empty where it is not known.
        scale: name of the scale.
        source: name of the data set.
        identity: content that the signature is the hash of: ``trainable``, ``config``, ``seed``, ``data``, ``requires``.
    """

    signature: str
    name: str
    commit: str
    scale: str
    source: str
    identity: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Write the description into a trial's folder, sealed, whole or not at all.

        Raises:
            retable.io.files.DiskFull: there is no room.
        """
        labels = {
            "signature": self.signature,
            "name": self.name,
            "commit": self.commit,
            "scale": self.scale,
            "source": self.source,
        }
        write_sealed(TrialFolder(folder).config, {**labels, **self.identity})

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The description in a trial's folder; None if there is none.

        Raises:
            DamagedFile: the file is damaged.
        """
        path = TrialFolder(folder).config
        try:
            record, _ = parse_sealed(path.read_bytes(), path, remedy=REMEDY)
        except FileNotFoundError:
            return None
        try:
            return cls(
                signature=str(record["signature"]),
                name=str(record["name"]),
                commit=str(record.get("commit", "")),
                scale=str(record.get("scale", "")),
                source=str(record.get("source", "")),
                identity={key: record[key] for key in IDENTITY},
            )
        except KeyError as error:
            raise DamagedFile(f"{path} describes no trial: it has no {error}", remedy=REMEDY) from error
