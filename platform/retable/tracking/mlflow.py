"""THE MLflow file: one run a trial, nested under one run a study at a scale.

MLflow shows results and is never the record of them, so everything here can be repeated without harm: runs are found
before they are made, and a point that was delivered before is not stored twice. Every call may block for as long as
the server pleases (see DEFAULTS) or raise; retable/tracking/uploader.py calls from a thread of its own, and training never.
"""

import hashlib
import logging
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from retable.errors import RetableError
from retable.io.files import replacing, write_text
from retable.io.locks import locked
from retable.store.formats.layout import ARTIFACTS, RESULT, ResultsFolder
from retable.store.metrics_log import Point
from retable.trial.identity import Label

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a dead server costs seconds, not MLflow's four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "120",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # it would draw over ours
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}
"""Environment variables set before MLflow is imported, where the user has not set them."""

STATUS = {"done": "FINISHED", "collapsed": "FINISHED", "pruned": "FINISHED", "failed": "FAILED"}
"""State in the ledger -> status of the run. Any other state that is not ALIVE is KILLED."""
ALIVE = frozenset({"running", "held"})

BATCH = 1000  # most metrics that MLflow takes at once
NAME_LENGTH = 250
SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")


@dataclass(frozen=True, kw_only=True)
class TrialRun:
    """What the tracker is told of one trial of one study.

    Attributes:
        signature: the trial's identity.
        name: what a person calls it.
        folder: the trial's folder, with its outbox and artifacts.
        parameters: flat, in the paper's words.
        tags: more about it, such as seed, data and table cells; filed under ``retable.``.
        attempt: what only those know who train it now: number of the attempt, commit, versions; empty for others.
            Filed under ``retable.`` too.
        artifacts: files to upload: patterns relative to the folder.
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
    """What the tracker holds of a trial: enough to put it into a table.

    Attributes:
        data: fingerprint of its data set.
        result: what its ``result.json`` holds, if it is finished.
        run: id of the tracker's run.
    """

    signature: str
    data: str
    state: str
    message: str
    result: bytes | None
    run: str = ""


def default_uri(results: Path) -> str:
    """MLFLOW_TRACKING_URI where it is set, otherwise a SQLite file in the folder of results."""
    return (
        os.environ.get("MLFLOW_TRACKING_URI")
        or f"sqlite:///{ResultsFolder(results.resolve()).mlflow_database.as_posix()}"
    )


def metric_key(name: str) -> str:
    """A name that MLflow takes, itself where it can be; different names stay different.

    MLflow allows word characters, ``-``, ``.``, space, ``:`` and ``/`` inside, up to 250 characters.
    """
    if re.fullmatch(r"\w[\w\-. :]*(/[\w\-: ][\w\-. :]*)*", name) and len(name) <= NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return "_".join(re.findall(r"\w+", name))[: NAME_LENGTH - 9] + f"-{digest}"


class TrackerError(RetableError, ValueError):
    """A tracker can't be used."""


class Tracker:
    """One experiment on one MLflow server or in one database. Nothing is contacted or imported before it is needed.

    Runs carry the tag ``retable.results``, which names the folder of results: two people who reproduce the same
    table on one server get a run each, and nobody ends the other's.
    """

    def __init__(self, uri: str, experiment: str, results: Path) -> None:
        """A tracker for the trials of one folder of results.

        Raises:
            TrackerError: the URI is none that MLflow can be trusted with.
        """
        scheme = uri.partition(":")[0].partition("+")[0]
        if scheme not in SCHEMES:
            raise TrackerError(
                f"the tracking URI must begin with one of {', '.join(SCHEMES)}, but got {uri!r}; MLflow's file store "
                "is not supported",
                remedy="unset MLFLOW_TRACKING_URI for a SQLite file in the folder of results",
            )
        self.uri, self.experiment, self.results = uri, experiment, results
        self._parents: dict[tuple[str, str], MlflowRun] = {}

    @property
    def place(self) -> str:
        """The URI without user and password, for people to read."""
        return self.redacted(self.uri)

    def redacted(self, text: str) -> str:
        """The text without the URI's user and password."""
        user, at, _ = urlsplit(self.uri).netloc.rpartition("@")
        return text.replace(user + at, "") if user else text

    def open(self, trial: TrialRun, training: str, *, known: str | None, start_ms: int, running: bool) -> str:
        """Find or make the trial's run, and bring its parameters, tags and status up to date.

        Args:
            training: which training of the trial this is. Its run is found again; a run of the same trial and
                results that shows another training (its folder was deleted) makes way.
            known: the run's id from an earlier call; looked at first.
            start_ms: when the training began, UTC milliseconds.
            running: whether the trial is being trained now.

        Returns:
            The run's id.
        """
        from mlflow.entities import Param, RunTag

        parent = self._parent(trial.study, trial.scale, running=running)
        tags = {
            **{f"retable.{key}": value for key, value in {**trial.attempt, **trial.tags}.items()},
            **self._identity(trial.study, trial.scale),
            "retable.signature": trial.signature,
            "retable.training": training,
            "mlflow.parentRunId": parent.info.run_id,
        }
        run = self._known(known)
        if run is None:
            run = self._only(
                [r for r in self._runs_of(trial) if r.data.tags.get("retable.training") == training]
            )
            if run is None:
                run = self._client.create_run(self._experiment_id, start_ms, tags, trial.name)
            self._retire_others(trial, run.info.run_id)
        run_id: str = run.info.run_id
        params = {
            metric_key(key): str(value)
            for key, value in trial.parameters.items()
            if metric_key(key) not in run.data.params  # MLflow never overwrites one
        }
        for start in range(0, max(len(params), len(tags)), 100):
            self._client.log_batch(
                run_id,
                params=[Param(key, value) for key, value in list(params.items())[start : start + 100]],
                tags=[RunTag(key, value) for key, value in list(tags.items())[start : start + 100]],
            )
        if running and run.info.status != "RUNNING":
            self._client.update_run(run_id, status="RUNNING")
        return run_id

    def log(self, run_id: str, points: Sequence[Point]) -> None:
        """Store metrics with the times at which they were written. One that is there already stays single."""
        from mlflow.entities import Metric

        metrics = [
            Metric(metric_key(p.key), float(p.flag if p.value is None else p.value), p.time_ms, p.iteration)
            for p in points
        ]
        for start in range(0, len(metrics), BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + BATCH])

    def tag(self, run_id: str, key: str, value: str) -> None:
        """Set one tag, filed under ``retable.``."""
        self._client.set_tag(run_id, f"retable.{key}", value)

    def upload(self, run_id: str, folder: Path, file: str) -> None:
        """Store ``folder/file`` as the artifact `file`, in the place of an older one."""
        parent = Path(file).parent.as_posix()
        self._client.log_artifact(run_id, str(folder / file), None if parent == "." else parent)

    def end(self, trial: TrialRun, run_id: str, state: str, end_ms: int) -> None:
        """Give the run its final status, and remove twins that a lost answer may have left."""
        self._retire_others(trial, run_id)
        self._end(run_id, state, end_ms)

    def end_study(self, study: str, scale: str, states: Sequence[str], end_ms: int) -> None:
        """End the run of a study at a scale, after its trials: failed or stopped if one of them is."""
        worst = max(states, key=lambda state: ("FINISHED", "KILLED", "FAILED").index(_status(state)))
        parent = self._parent(study, scale, running=False)
        if parent.info.status != _status(worst):
            self._end(parent.info.run_id, worst, end_ms)
        del self._parents[study, scale]

    def reconcile(self, study: str, scale: str, states: Mapping[str, str], end_ms: int) -> list[str]:
        """End the runs that show as running but are not: their driver was killed.

        Args:
            states: signature -> state of every trial in the ledger; one that it does not know is not running.

        Returns:
            The signatures of the trials whose runs were ended.
        """
        ended = []
        identity = self._identity(study, scale)
        for run in list(self._search("attributes.status = 'RUNNING'")):
            signature = run.data.tags.get("retable.signature")
            state = states.get(signature or "", "stopped")
            if signature and identity.items() <= run.data.tags.items() and state not in ALIVE:
                self._end(run.info.run_id, state, end_ms)
                ended.append(signature)
        return ended

    def trials(self, study: str, scale: str) -> Iterator[TrackedTrial]:
        """The study's trials at that scale, from every folder of results, in the order of their starts.

        Raises:
            TrackerError: it can't be reached, refuses, or its database is damaged.
        """
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield from self._trials(study, scale)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            why = self.redacted(str(error).partition("\n")[0])[:300]
            raise TrackerError(
                f"MLflow at {self.place} can't be read: {why}",
                remedy="see that it is up and takes this user, or name another (--from-mlflow URI)",
            ) from error

    def _trials(self, study: str, scale: str) -> Iterator[TrackedTrial]:
        if self._client.get_experiment_by_name(self.experiment) is None:
            return
        where = f"tags.`retable.study` = '{study}' and tags.`retable.scale` = '{scale}'"
        for run in self._pages(where):
            tags = run.data.tags
            if "retable.signature" in tags:
                yield TrackedTrial(
                    tags["retable.signature"],
                    tags.get("retable.data", ""),
                    tags.get("retable.state", "running"),
                    tags.get("retable.message", ""),
                    self._result(run.info.run_id),
                    run.info.run_id,
                )

    def _result(self, run_id: str) -> bytes | None:
        if not any(artifact.path == RESULT for artifact in self._client.list_artifacts(run_id)):
            return None
        with TemporaryDirectory() as folder:
            return Path(self._client.download_artifacts(run_id, RESULT, folder)).read_bytes()

    def _end(self, run_id: str, state: str, end_ms: int) -> None:
        self._client.set_tag(run_id, "retable.state", state)
        self._client.set_terminated(run_id, _status(state), end_ms)

    def _parent(self, study: str, scale: str, *, running: bool) -> "MlflowRun":
        """The study's run at that scale, found or made."""
        tags = {**self._identity(study, scale), "retable.kind": "study"}
        run = self._parents.get((study, scale))
        if run is None:
            found = [r for r in self._search("tags.`retable.kind` = 'study'") if _has(r, tags)]
            run = self._only(found) or self._client.create_run(
                self._experiment_id, tags=tags, run_name=f"{study} {scale}"
            )
        if running and run.info.status != "RUNNING":
            self._client.update_run(run.info.run_id, status="RUNNING")
            run = self._client.get_run(run.info.run_id)
        self._parents[study, scale] = run
        return run

    def _identity(self, study: str, scale: str) -> dict[str, str]:
        return {"retable.results": self._results_id, "retable.study": study, "retable.scale": scale}

    def _known(self, run_id: str | None) -> "MlflowRun | None":
        """The run of that id, unless it was deleted or belongs to another server."""
        from mlflow.exceptions import MlflowException

        if run_id is None:
            return None
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        here = run.info.experiment_id == self._experiment_id and run.info.lifecycle_stage == "active"
        return run if here else None

    def _runs_of(self, trial: TrialRun) -> list["MlflowRun"]:
        identity = self._identity(trial.study, trial.scale)
        found = self._search(f"tags.`retable.signature` = '{trial.signature}'")
        return [run for run in found if _has(run, identity)]

    def _only(self, runs: list["MlflowRun"]) -> "MlflowRun | None":
        """The oldest; the others are twins, made by a call that seemed to have failed."""
        for twin in runs[1:]:
            self._client.delete_run(twin.info.run_id)
        return runs[0] if runs else None

    def _retire_others(self, trial: TrialRun, run_id: str) -> None:
        for run in self._runs_of(trial):
            if run.info.run_id != run_id:
                self._client.delete_run(run.info.run_id)

    def _search(self, where: str) -> Iterator["MlflowRun"]:
        """Runs of these results, oldest first."""
        return self._pages(f"tags.`retable.results` = '{self._results_id}' and {where}")

    def _pages(self, where: str) -> Iterator["MlflowRun"]:
        """Runs of the experiment, oldest first."""
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], where, order_by=["attributes.start_time ASC"], page_token=token
            )
            yield from page
            if not (token := page.token):
                return

    @cached_property
    def _client(self) -> "MlflowClient":
        for name, value in DEFAULTS.items():
            os.environ.setdefault(name, value)
        # The migrations that make a new database, and each retry of a request, would write into the user's screen;
        # what matters of them is raised.
        logging.getLogger("mlflow.store.db").setLevel(logging.WARNING)
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        from mlflow import MlflowClient

        with self._alone():  # two drivers must not make the same database
            made = self._database
            if made is not None and not made.exists():
                with locked(made.with_name(f".{made.name}.lock")):  # other results may have the same
                    if not made.exists():
                        # Whole or not at all: MLflow can't go on from migrations that were killed.
                        with replacing(made) as temporary:
                            MlflowClient(tracking_uri=f"sqlite:///{temporary.resolve().as_posix()}")
            return MlflowClient(tracking_uri=self.uri)

    @property
    def _database(self) -> Path | None:
        """The file that is the tracker; None for a server."""
        path = self.uri.removeprefix("sqlite:///")
        return None if path == self.uri else Path(path)

    @cached_property
    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self.experiment)
        if found is not None and found.lifecycle_stage != "active":
            raise TrackerError(
                f"the experiment {self.experiment!r} was deleted in MLflow at {self.place}",
                remedy=f"restore it with `mlflow experiments restore -x {found.experiment_id}` and run the same command "
                "again",
            )
        try:
            return str(found.experiment_id if found else self._create_experiment())
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another driver was faster
                raise
            return str(self._client.get_experiment_by_name(self.experiment).experiment_id)

    def _create_experiment(self) -> Any:
        beside = self._database and (self._database.resolve().parent / "mlartifacts").as_uri()
        return self._client.create_experiment(self.experiment, beside)

    @cached_property
    def _results_id(self) -> str:
        """Names the folder of results, wherever it is moved."""
        path = ResultsFolder(self.results).tracking_id
        with self._alone():
            if not path.exists():
                write_text(path, secrets.token_hex(8))
            return path.read_text(encoding="utf-8").strip()

    def _alone(self) -> AbstractContextManager[None]:
        """A block that one process at a time executes for these results."""
        return locked(self.results / ".tracking.lock")


def _status(state: str) -> str:
    return STATUS.get(state, "KILLED")


def _has(run: "MlflowRun", tags: Mapping[str, str]) -> bool:
    return bool(tags.items() <= run.data.tags.items())
