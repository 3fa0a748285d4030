"""Shows the trials of a run in MLflow while they train. A failure is reported, and changes no result."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.text import Text

from retable.environment.provenance import provenance
from retable.planning.plan import Plan, PlannedTrial
from retable.store.assignment import Assignment
from retable.store.formats.layout import ResultsFolder
from retable.store.formats.result import TrialResult
from retable.store.ledger import FINISHED
from retable.tracking.mlflow import Tracker
from retable.tracking.runs import TrialRun, default_uri
from retable.tracking.uploader import Uploader

CLOSE_SECONDS = 60.0
MESSAGE_LENGTH = 5000  # MLflow refuses tags over 8,000 characters


class TrackingObserver:
    """An observer of an execution, which passes the begin and end of each trial to the uploader."""

    def __init__(self, results: Path, plan: Plan[Any], console: Console) -> None:
        self._plan, self._results, self._console = plan, results, console
        self._tracker = Tracker(default_uri(results), plan.study.name, results)
        self._uploader = Uploader(self._tracker, lambda message: console.print(Text(message, style="yellow")))
        self._provenance = provenance().tags()

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
        """Deliver the metrics and files of an attempt, from now on."""
        attempt = {"attempt": str(assignment.attempt), **self._provenance}
        self._uploader.watch(self._run_of(planned, attempt))

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None:
        """Deliver the rest of an attempt's metrics and files, and its final state."""
        if state == "held":
            self._uploader.release(planned.signature)
        elif state != "blocked":
            tags = self._protocols(planned.signature)
            if message:
                tags["message"] = message[-MESSAGE_LENGTH:]
            self._uploader.finish(planned.signature, state, tags)

    def catch_up(self, states: Mapping[str, str]) -> None:
        """Deliver what earlier runs of this plan left undelivered, and end the runs of trials whose driver was killed.

        Args:
            states: state by signature of every trial in the ledger.
        """
        self._uploader.reconcile(self._plan.study.name, self._plan.scale.name, states)
        for planned in self._plan.trials:
            if states.get(planned.signature) in FINISHED:
                self._uploader.watch(self._run_of(planned), states[planned.signature])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pending = self._uploader.close(CLOSE_SECONDS)
        if pending:
            self._console.print(
                Text(
                    f"{pending} points and files are not in MLflow at {self._tracker.place} yet; they are kept in "
                    f"{ResultsFolder(self._results).trials} and delivered by the next run.",
                    style="yellow",
                )
            )

    def _run_of(self, planned: PlannedTrial, attempt: Mapping[str, str] | None = None) -> TrialRun:
        trial = planned.trial
        return TrialRun(
            study=self._plan.study.name,
            scale=self._plan.scale.name,
            signature=trial.signature,
            name=planned.name,
            folder=ResultsFolder(self._results.resolve()).trial(trial.signature).path,
            parameters={**trial.config.labels(), "trainable": trial.config.trainable, "seed": trial.seed},
            tags={"cells": "; ".join(planned.cells), "seed": str(trial.seed), "data": trial.data},
            attempt=attempt or {},
        )

    def _protocols(self, signature: str) -> dict[str, str]:
        """The protocols of the trial's scores, as a tag."""
        result = TrialResult.read(ResultsFolder(self._results).trial(signature).path)
        return {} if result is None else {"protocols": " ".join(result.scores)}
