"""The only module that imports MLflow: one run for each trial, nested under one run for each study and scale.

MLflow shows results and is never the record of them. Every operation can be repeated without harm: existing runs are found
again, and a point is not stored twice. A call may block as long as the server does (see DEFAULTS), or raise. Only
`retable.tracking.uploader` calls from a thread of its own; training never does.
"""

import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from retable.io.files import replacing, write_text
from retable.io.locks import locked
from retable.store.formats.layout import RESULT, ResultsFolder
from retable.store.metrics_log import Point
from retable.tracking.runs import TrackedTrial, TrackerError, TrialRun, metric_key

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
"""Status of the run by state in the ledger. Any other state that is not in ALIVE is KILLED."""
ALIVE = frozenset({"running", "held"})

BATCH = 1000  # MLflow's limit of metrics in one request
SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")


class Tracker:
    """One experiment on an MLflow server or in a database. MLflow is imported and contacted on first use.

    The tag ``retable.results`` of a run names the folder of results: two people who reproduce the same table on one server
    have separate runs, and neither ends the other's.
    """

    def __init__(self, uri: str, experiment: str, results: Path) -> None:
        """A tracker for the trials of one folder of results.

        Raises:
            TrackerError: the URI's scheme is not supported.
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
        """The URI without user and password, for messages."""
        return self.redacted(self.uri)

    def redacted(self, text: str) -> str:
        """A text without the URI's user and password."""
        user, at, _ = urlsplit(self.uri).netloc.rpartition("@")
        return text.replace(user + at, "") if user else text

    def open(self, trial: TrialRun, training: str, *, known: str | None, start_ms: int, running: bool) -> str:
        """Find or make the trial's run, and update its parameters, tags and status.

        Args:
            training: id of this training of the trial. Its run is found again. A run of another training of the same trial and
                results (its folder was deleted) is deleted.
            known: the run's id from an earlier call; tried first.
            start_ms: start of the training, UTC milliseconds.
            running: True if the trial is being trained now.

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
        """Store metrics with the times at which they were written. A metric that is stored already is not repeated."""
        from mlflow.entities import Metric

        metrics = [
            Metric(metric_key(p.key), float(p.flag if p.value is None else p.value), p.time_ms, p.iteration)
            for p in points
        ]
        for start in range(0, len(metrics), BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + BATCH])

    def tag(self, run_id: str, key: str, value: str) -> None:
        """Set one tag, with the prefix ``retable.``."""
        self._client.set_tag(run_id, f"retable.{key}", value)

    def upload(self, run_id: str, folder: Path, file: str) -> None:
        """Store ``folder/file`` as the artifact `file`; it replaces an older one."""
        parent = Path(file).parent.as_posix()
        self._client.log_artifact(run_id, str(folder / file), None if parent == "." else parent)

    def end(self, trial: TrialRun, run_id: str, state: str, end_ms: int) -> None:
        """Set the run's final status, and delete duplicates that a lost answer may have left."""
        self._retire_others(trial, run_id)
        self._end(run_id, state, end_ms)

    def end_study(self, study: str, scale: str, states: Sequence[str], end_ms: int) -> None:
        """End the run of a study at a scale, after its trials. It is failed or stopped if one of them is."""
        worst = max(states, key=lambda state: ("FINISHED", "KILLED", "FAILED").index(_status(state)))
        parent = self._parent(study, scale, running=False)
        if parent.info.status != _status(worst):
            self._end(parent.info.run_id, worst, end_ms)
        del self._parents[study, scale]

    def reconcile(self, study: str, scale: str, states: Mapping[str, str], end_ms: int) -> list[str]:
        """End the runs that seem to run, but whose driver was killed.

        Args:
            states: state by signature of every trial in the ledger; a trial that is not in the ledger does not run.

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
        """The oldest run. The others are duplicates, made by calls whose answer was lost; they are deleted."""
        for duplicate in runs[1:]:
            self._client.delete_run(duplicate.info.run_id)
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
        # The migrations of a new database and retries of requests would write to the user's terminal; errors are raised.
        logging.getLogger("mlflow.store.db").setLevel(logging.WARNING)
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        from mlflow import MlflowClient

        with self._alone():  # two drivers must not create the same database
            file = self._database
            if file is not None and not file.exists():
                # Another folder of results may use the same file.
                with locked(file.with_name(f".{file.name}.lock")):
                    if not file.exists():
                        # The file appears whole: MLflow can't resume migrations that were killed.
                        with replacing(file) as temporary:
                            MlflowClient(tracking_uri=f"sqlite:///{temporary.resolve().as_posix()}")
            return MlflowClient(tracking_uri=self.uri)

    @property
    def _database(self) -> Path | None:
        """The SQLite file of the tracker; None for a server."""
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
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # created by another driver meanwhile
                raise
            return str(self._client.get_experiment_by_name(self.experiment).experiment_id)

    def _create_experiment(self) -> Any:
        beside = self._database and (self._database.resolve().parent / "mlartifacts").as_uri()
        return self._client.create_experiment(self.experiment, beside)

    @cached_property
    def _results_id(self) -> str:
        """An id of the folder of results, which stays the same when the folder is moved."""
        path = ResultsFolder(self.results).tracking_id
        with self._alone():
            if not path.exists():
                write_text(path, secrets.token_hex(8))
            return path.read_text(encoding="utf-8").strip()

    def _alone(self) -> AbstractContextManager[None]:
        """A lock: one process at a time runs the block for these results."""
        return locked(self.results / ".tracking.lock")


def _status(state: str) -> str:
    return STATUS.get(state, "KILLED")


def _has(run: "MlflowRun", tags: Mapping[str, str]) -> bool:
    return bool(tags.items() <= run.data.tags.items())
