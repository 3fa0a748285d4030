"""The layout of a results folder: the only module that spells the names of its files and folders."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEDGER = "ledger.db"
TRIALS = "trials"
TRACKING_ID = ".tracking-id"

CONFIG = "config.json"
RESULT = "result.json"
FENCE = "fence.json"
CONTINUES = "continues.json"
METRICS_LOGS = "outbox"
CHECKPOINTS = "checkpoints"
MANIFEST = "manifest.json"
SAMPLES = "samples"
TRACKING = "tracking"
QUARANTINE = "quarantine"

STOP_REQUESTS = "stop-*"
FAILURES = "failure-*"
"""Patterns of names in a trial's folder, with a number of an attempt in the place of the star."""

ARTIFACTS = (CONFIG, RESULT, f"{SAMPLES}/*.mp4", f"{SAMPLES}/*.png")
"""Patterns of the files in a trial's folder that people want to see in a tracker."""


@dataclass(frozen=True)
class TrialFolder:
    """One trial's folder, ``trials/<signature>``. Nothing is read or made."""

    path: Path

    @property
    def signature(self) -> str:
        """The trial's signature, which is the folder's name."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The trial's identity and labels (`retable.store.formats.description`), written by the driver."""
        return self.path / CONFIG

    @property
    def result(self) -> Path:
        """The result (`retable.store.formats.result`). The trial is finished when it is there."""
        return self.path / RESULT

    @property
    def fence(self) -> Path:
        """Number of the first attempt that may write (`retable.store.fence`)."""
        return self.path / FENCE

    @property
    def continues(self) -> Path:
        """The shorter training that this one continues; missing where it began at iteration 0."""
        return self.path / CONTINUES

    @property
    def metrics_logs(self) -> Path:
        """Folder of the metrics logs, one file an attempt."""
        return self.path / METRICS_LOGS

    def metrics_log(self, attempt: int) -> Path:
        """The metrics log of an attempt."""
        return self.path / metrics_log_name(attempt)

    def attempts_logged(self) -> dict[int, Path]:
        """The metrics logs that are there, by attempt, in order. Files of other names are no logs."""
        found = {_number(path.stem, 6): path for path in self.metrics_logs.glob("*.jsonl")}
        return {number: found[number] for number in sorted(n for n in found if n is not None)}

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints, one folder an iteration."""
        return self.path / CHECKPOINTS

    def checkpoint(self, iteration: int) -> Path:
        """The checkpoint of an iteration."""
        return self.checkpoints / f"{iteration:08d}"

    def checkpoints_saved(self) -> dict[int, Path]:
        """The checkpoints that are there, by iteration, newest first. Files and folders of other names are none."""
        found = {_number(path.name, 8): path for path in self.checkpoints.glob("*") if path.is_dir()}
        return {number: found[number] for number in sorted((n for n in found if n is not None), reverse=True)}

    @property
    def samples(self) -> Path:
        """Folder of sample videos and pictures, named by iteration."""
        return self.path / SAMPLES

    @property
    def tracking(self) -> Path:
        """Folder of delivery states (`retable.tracking.state`), one file for each study and scale."""
        return self.path / TRACKING

    @property
    def quarantine(self) -> Path:
        """Folder of damaged files, which are moved and never deleted."""
        return self.path / QUARANTINE

    def stop_request(self, attempt: int) -> Path:
        """A file whose existence asks an attempt to save and return."""
        return self.path / STOP_REQUESTS.replace("*", f"{attempt}")

    def failure(self, attempt: int) -> Path:
        """The error that ended an attempt."""
        return self.path / FAILURES.replace("*", f"{attempt}.json")


@dataclass(frozen=True)
class ResultsFolder:
    """A folder of results: the ledger, the trials, and what is made of them. Nothing is read or made."""

    path: Path

    @property
    def ledger(self) -> Path:
        """Database of studies, trials and attempts (`retable.store.ledger`)."""
        return self.path / LEDGER

    @property
    def trials(self) -> Path:
        """Folder of the trials' folders."""
        return self.path / TRIALS

    def trial(self, signature: str) -> TrialFolder:
        """The folder of a trial."""
        return TrialFolder(self.trials / signature)

    def trial_folders(self) -> Iterator[TrialFolder]:
        """The trials' folders that are there, by signature."""
        for path in sorted(self.trials.glob("*")):
            if path.is_dir():
                yield TrialFolder(path)

    def set_aside(self, signature: str, attempt: int) -> Path:
        """The place for the folder of a finished trial that is to be trained again."""
        return self.path / "set-aside" / f"{signature}-{attempt}"

    @property
    def index(self) -> Path:
        """Copy of all results in one file, for reports (`retable.report.results.index`)."""
        return self.path / "index.arrow"

    def tables(self, study: str) -> Path:
        """Folder of a study's tables."""
        return self.path / "tables" / study

    def figures(self, name: str) -> Path:
        """Folder of the figures of a trial, or of a study at a scale."""
        return self.path / "figures" / name

    def search(self, study: str) -> Path:
        """Folder of a study's searches."""
        return self.path / "search" / study

    def suggestions(self, study: str, name: str) -> Path:
        """Suggested points of one cell of a study's searches (`retable.search.history`)."""
        return self.search(study) / "points" / f"{name}.json"

    @property
    def optuna_database(self) -> Path:
        """Optuna's database, for its dashboard."""
        return self.path / "optuna.db"

    @property
    def mlflow_database(self) -> Path:
        """MLflow's database, where no tracking server is named."""
        return self.path / "mlflow.db"

    @property
    def ray(self) -> Path:
        """Folder for the files that Ray Tune and Ray Train write during a run."""
        return self.path / "ray"

    @property
    def tracking_id(self) -> Path:
        """Identity of this folder in the tracker, wherever it is moved."""
        return self.path / TRACKING_ID

    @property
    def storage_url(self) -> Path:
        """URL that this folder is a copy of (`retable.execution.sync`); missing where it is none."""
        return self.path / ".storage-url"


def metrics_log_name(attempt: int) -> str:
    """Name of an attempt's metrics log in the trial's folder."""
    return f"{METRICS_LOGS}/{attempt:06d}.jsonl"


def _number(name: str, digits: int) -> int | None:
    """The number that a name is made of, with leading zeros up to so many digits; None for any other name."""
    return int(name) if re.fullmatch(rf"[0-9]{{{digits}}}|[1-9][0-9]{{{digits},}}", name) else None
