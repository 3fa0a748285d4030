"""Plan -> one Tune experiment. Tune runs attempts; the execution says which, and the ledger is the truth.

Tune's documented nesting (a trial that holds a CPU and waits for its gang's CPUs) can deadlock. Here a trial's Tune
side holds no CPU, and the searcher hands out a trial only when its whole gang fits: nothing ever waits for what
another waiting trial holds.
"""

import json
import shutil
import signal
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from ray import tune
from ray.exceptions import OutOfMemoryError, RayError
from ray.train.v2.api.exceptions import TrainingFailedError, WorkerGroupError
from ray.tune.search import Searcher

from retable.cluster.connect import connected
from retable.cluster.launch import Gang, checked_slots, gang_for
from retable.cluster.score import score
from retable.cluster.train import failure_file, train_gang, write_failure
from retable.execution import Execution
from retable.failures import Cause, cause_of
from retable.plan import PlannedTrial
from retable.run import Assignment

TUNE_SIDE = [{"CPU": 0, "memory": 2**20}]
"""What a trial's Tune side reserves: Ray refuses an empty bundle, so a sliver of memory and no CPU."""


def run_plan(execution: Execution, workers: int | None = None, address: str | None = None) -> None:
    """Train what is missing, as many gangs at a time as the cluster holds.

    The first Ctrl-C asks running trials to save and return; a second one ends them at once.

    Args:
        workers: most workers of one trial; None for what suits the cluster.
        address: a running Ray cluster; None for one of our own, which ends with the run.

    Raises:
        ImpossibleShapeError: the cluster can never hold such a gang; nothing was started.
        ConnectionError: nothing answers at the address.
    """
    scratch = execution.results.resolve() / "ray"
    with connected(address, scratch) as nodes:
        gang = gang_for(nodes, workers)
        execution.hours = "GPU-hours" if gang.gpus else execution.hours
        searcher = PlanSearcher(execution, gang, checked_slots(nodes, gang))
        with execution.leases_kept(), execution.watched(), _stopped_by_interrupt(execution):
            try:
                tune.Tuner(
                    tune.with_resources(
                        partial(_trial, gang=gang, scratch=scratch),
                        tune.PlacementGroupFactory(TUNE_SIDE),
                    ),
                    tune_config=tune.TuneConfig(
                        search_alg=searcher,
                        num_samples=-1,  # the searcher says when it is over
                        metric="iteration",
                        mode="max",
                        trial_dirname_creator=lambda trial: trial.trial_id,
                    ),
                    run_config=tune.RunConfig(
                        name=execution.plan.study.name, storage_path=str(scratch / "tune"), verbose=0
                    ),
                ).fit()
            finally:
                searcher.abandon()
    shutil.rmtree(scratch, ignore_errors=True)  # nothing is ever restored from it


def _trial(config: Mapping[str, Any], *, gang: Gang, scratch: Path) -> dict[str, int]:
    """What Tune runs for each trial: its gang, to the end. An error is a file, so that Tune goes on."""
    assignment: Assignment = config["assignment"]
    try:
        if assignment.trial.config.iterations == 0:
            score(assignment, gang)
        else:
            train_gang(assignment, replace(gang, workers=config["workers"]), scratch)
    except Exception as error:
        if not failure_file(assignment).exists():
            write_failure(assignment, _cause(error), traceback.format_exc())
        raise
    return {"iteration": assignment.trial.config.iterations}


def _cause(error: Exception) -> Cause:
    """The class of an error that no worker could write down any more."""
    errors = [error, *error.worker_failures.values()] if isinstance(error, WorkerGroupError) else [error]
    if any(isinstance(one, OutOfMemoryError) for one in errors):  # Ray's memory monitor ended a worker
        return "out_of_memory"
    return "lost" if isinstance(error, TrainingFailedError | RayError) else cause_of(error)


class PlanSearcher(Searcher):  # type: ignore[misc]  # Ray has no types
    """Hands Tune the plan's trials, each once its requirements are finished and its gang fits.

    Trials go in the plan's order, so that small gangs can't keep a large one waiting for ever.
    """

    def __init__(self, execution: Execution, gang: Gang, slots: int) -> None:
        super().__init__(metric="iteration", mode="max")
        self.execution, self.gang, self.slots = execution, gang, slots
        self._live: dict[str, tuple[Assignment, int]] = {}

    def suggest(self, trial_id: str) -> Any:
        """The next trial's config; None if none can start now; FINISHED if none will."""
        while (free := self.slots - sum(size for _, size in self._live.values())) > 0:
            planned = self.execution.next()  # asked for only when there is room: a search then knows the most
            if planned is None:
                more = self.execution.waiting or (self._live and not self.execution.stopping)
                return None if more else Searcher.FINISHED  # what is live may fail and have to come again
            workers = self.gang_size(planned)
            if workers is None:
                self.execution.refuse(planned)
                continue
            if workers > free:
                return None
            assignment = self.execution.begin(planned, workers)
            if assignment is not None:
                self._live[trial_id] = assignment, workers
                return {"signature": planned.signature, "assignment": assignment, "workers": workers}
        return None

    def gang_size(self, planned: PlannedTrial) -> int | None:
        """The most workers, up to the gang's, that share a micro-batch equally; None if none have the memory for it.

        A trial that others wait for takes the whole machine: the result does not depend on it.
        """
        awaited = any(planned.signature in other.requires for other in self.execution.plan.trials)
        most = self.slots if awaited else self.gang.workers
        sizes = (size for size in range(most, 0, -1) if self.execution.split(planned, size) is not None)
        return next(sizes, None)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record the attempt by what it left in its folder."""
        if trial_id in self._live:
            assignment, _ = self._live.pop(trial_id)
            failure = failure_file(assignment)
            if failure.exists():
                why = json.loads(failure.read_text(encoding="utf-8"))
                self.execution.end(assignment, None, why["message"], why["cause"])
            elif assignment.stop_request.exists():
                self.execution.end(assignment, "stopped")
            else:
                self.execution.end(assignment, None, "its workers were lost", "lost")

    def abandon(self) -> None:
        """Record what was still running when Tune itself came to an end."""
        for trial_id in list(self._live):
            assignment, _ = self._live.pop(trial_id)
            self.execution.end(assignment, "stopped", "interrupted")

    def __getstate__(self) -> dict[str, object]:
        """Nothing: Tune pickles its searcher into files that are never read."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the record, and Tune's restore is never used."""

    def restore(self, checkpoint_path: str) -> None:
        """Never called: a fresh Tuner runs over what the ledger lacks."""


@contextmanager
def _stopped_by_interrupt(execution: Execution) -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> None:
        if execution.stopping:
            raise KeyboardInterrupt
        execution.request_stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
