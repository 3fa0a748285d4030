"""Runs of a tracker as plain data: a trial to record, a trial as it was recorded, and the names that MLflow accepts."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from retable.errors import RetableError
from retable.store.formats.layout import ARTIFACTS, ResultsFolder
from retable.trial.identity import Label

NAME_LENGTH = 250
"""Most characters of a metric's name in MLflow."""


@dataclass(frozen=True, kw_only=True)
class TrialRun:
    """One trial of one study, as the tracker shows it.

    Attributes:
        signature: the trial's signature.
        name: the trial's name for people.
        folder: the trial's folder, with its metrics log and artifacts.
        parameters: hyperparameters by the paper's names.
        tags: tags such as seed, data and table cells; stored with the prefix ``retable.``.
        attempt: tags of the running attempt: its number, commit and versions; empty in processes that do not train it. Stored
            with the prefix ``retable.`` too.
        artifacts: files to upload, as patterns relative to the folder.
    """

    study: str
    scale: str
    signature: str
    name: str
    folder: Path
    parameters: Mapping[str, Label] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    attempt: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ARTIFACTS


class TrackedTrial(NamedTuple):
    """A trial as the tracker stores it, with enough to fill a table's cell.

    Attributes:
        data: fingerprint of its data set.
        result: content of its ``result.json``; None unless it is finished.
        run: id of the tracker's run.
    """

    signature: str
    data: str
    state: str
    message: str
    result: bytes | None
    run: str = ""


def default_uri(results: Path) -> str:
    """The variable MLFLOW_TRACKING_URI, or else a SQLite file in the folder of results."""
    own = ResultsFolder(results.resolve()).mlflow_database
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{own.as_posix()}"


def metric_key(name: str) -> str:
    """A metric name that MLflow accepts: the same name if possible. Different names stay different.

    MLflow allows word characters, ``-``, ``.``, space, ``:`` and ``/`` inside, up to 250 characters.
    """
    if re.fullmatch(r"\w[\w\-. :]*(/[\w\-: ][\w\-. :]*)*", name) and len(name) <= NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return "_".join(re.findall(r"\w+", name))[: NAME_LENGTH - 9] + f"-{digest}"


class TrackerError(RetableError, ValueError):
    """A tracker can't be used."""
