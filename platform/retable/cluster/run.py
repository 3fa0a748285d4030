"""Runs a plan on Ray, as one Tune experiment. Tune runs attempts, the execution chooses them, and the ledger records them.

Tune's documented nesting (a trial that holds a CPU and waits for the CPUs of its worker group) can deadlock. Here a trial's
Tune side holds no CPU, and `retable.cluster.dispatch` starts a trial only when its whole worker group fits: no trial waits for
resources that another waiting trial holds.
"""

import json
import logging
import shutil
import traceback
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, cast

from ray import tune
from ray.exceptions import OutOfMemoryError, RayActorError, RayError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError
from ray.train.v2.api.exceptions import TrainingFailedError, WorkerGroupError
from ray.tune.search import Searcher

from retable.cluster.connection.connect import connected
from retable.cluster.dispatch import Dispatch, Start
from retable.cluster.monitoring.gauges import exported
from retable.cluster.nodes import RayCluster
from retable.cluster.partitions import run_partitions
from retable.cluster.train import failure_file, score_trial, train_worker_group, write_failure
from retable.cluster.worker_groups import checked_slots, worker_group_for
from retable.errors import RetableError
from retable.execution.execution import Execution
from retable.execution.retries import Cause, cause_of
from retable.execution.signals import stopped_by_signals
from retable.store.formats.layout import ResultsFolder
from retable.trial.partitions import PartitionedConfig

TUNE_SIDE = [{"CPU": 0, "memory": 2**20, "node:__internal_head__": 0.001}]
"""Resources of a trial's Tune side: a little memory and no CPU, since Ray refuses an empty bundle. It runs on the head, and
Train's controller with it: a lost node then takes only workers with it, and the trial's attempt ends with its cause."""


def run_plan(
    execution: Execution,
    workers: int | None = None,
    address: str | None = None,
    gpus: float | None = None,
    wait_minutes: float = 30.0,
) -> None:
    """Train the missing trials, with as many worker groups at a time as fit on the cluster.

    The first Ctrl-C (or SIGTERM) lets running trials save and stop; a second one ends them at once.

    Args:
        workers: most workers of one trial; None for a number that suits the cluster.
        address: a running Ray cluster; None for one of our own, which ends with the run.
        gpus: GPUs of each worker; None for one if there are any.
        wait_minutes: minutes that a trial waits for a node on which it fits.

    Raises:
        ImpossibleShapeError: the cluster can never hold such a worker group; nothing was started.
        ClusterError: nothing answers at the address.
        LedgerError: the ledger can't be written any more; what runs was asked to save and return.
    """
    scratch = ResultsFolder(execution.results.resolve()).ray
    name, own = execution.plan.study.name, address is None
    shared = () if execution.storage else (execution.data, execution.results)
    with (
        connected(address, scratch, shared) as resources,
        closing(RayCluster(name, own=own)) as cluster,
    ):
        shape = worker_group_for(resources, workers, gpus, grows=cluster.grows)
        execution.hours = "GPU-hours" if shape.gpus else execution.hours
        if not cluster.grows:
            checked_slots(resources, shape)
        stated = workers is not None
        _run(execution, Dispatch(execution, shape, cluster, 60 * wait_minutes, stated), scratch)
    shutil.rmtree(scratch, ignore_errors=True)  # nothing is restored from it


def _run(execution: Execution, dispatch: Dispatch, scratch: Path) -> None:
    searcher = PlanSearcher(dispatch)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a trial's failure is read from its folder
    with execution.leases_kept(), execution.watched(), exported(execution), stopped_by_signals(execution):
        try:
            tune.Tuner(
                tune.with_resources(partial(_trial, scratch=scratch), tune.PlacementGroupFactory(TUNE_SIDE)),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    num_samples=-1,  # the searcher ends the experiment
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
    if searcher.error is not None:  # Tune would have made a traceback of it
        raise searcher.error


def _trial(config: Mapping[str, Any], *, scratch: Path) -> dict[str, int]:
    """The function that Tune runs for each trial: its worker group, to the end. An error is a file, so that Tune goes on."""
    start: Start = config["start"]
    assignment = start.assignment
    try:
        # Nodes write partitions into one shared folder. Without one, the scoring task below writes all of them.
        divided = isinstance(assignment.trial.config, PartitionedConfig) and assignment.storage is None
        if divided and not run_partitions(assignment, start.worker_group, start.placement):
            return {"iteration": 0}  # the reason is in the trial's folder
        if assignment.trial.config.iterations == 0:
            score_trial(assignment, start.worker_group, start.placement)
        else:
            train_worker_group(assignment, start.worker_group, start.placement, scratch)
    except Exception as error:
        if not failure_file(assignment).exists():
            cause = _cause(error)
            last = {"lost": "a worker was lost", "preempted": "a worker's node was taken away"}.get(cause, "")
            write_failure(assignment, cause, f"{traceback.format_exc()}{last}")
        raise
    return {"iteration": assignment.trial.config.iterations}


def _cause(error: Exception) -> Cause:
    """The cause of an error that no worker could record."""
    errors = [error, *error.worker_failures.values()] if isinstance(error, WorkerGroupError) else [error]
    errors += [one.health_check_failure for one in errors if isinstance(one, WorkerHealthCheckFailedError)]
    if any(isinstance(one, OutOfMemoryError) for one in errors):  # Ray's memory monitor ended a worker
        return "out_of_memory"
    if any(isinstance(one, RayActorError) and one.preempted for one in errors):
        return "preempted"
    return "lost" if isinstance(error, TrainingFailedError | RayError) else cause_of(error)


class PlanSearcher(Searcher):  # type: ignore[misc]  # Ray has no types
    """Hands Tune the trials that start, and notes how they end.

    Attributes:
        error: the expected error that ended the run, such as a ledger that can't be written; None if there was none.
    """

    def __init__(self, dispatch: Dispatch) -> None:
        super().__init__(metric="iteration", mode="max")
        self.dispatch, self.execution = dispatch, dispatch.execution
        self._live: dict[str, Start] = {}
        self.error: RetableError | None = None

    def suggest(self, trial_id: str) -> Any:
        """The next trial's config; None if none can start now; FINISHED if none will."""
        try:
            start = None if self.error is not None else self.dispatch.next()
        except RetableError as error:
            self._fail(error)
            start = None
        if start is not None:
            self._live[trial_id] = start
            return {"signature": start.assignment.trial.signature, "start": start}
        if self._live:  # a running trial may fail and need another attempt
            return Searcher.FINISHED if self.execution.stopping else None
        return None if self.execution.waiting else Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record the attempt by what it left in its folder."""
        try:
            self._record(trial_id, error)
        except RetableError as why:
            self._fail(why)

    def _fail(self, error: RetableError) -> None:
        """Keep the first expected error, and end the run: Tune itself tries again whatever failed."""
        if self.error is None:
            self.error = error
            self.execution.request_stop()

    def _record(self, trial_id: str, error: bool) -> None:
        if trial_id in self._live:
            assignment = self._live.pop(trial_id).assignment
            self.execution.gather(assignment.trial.signature)
            failure = failure_file(assignment)
            cause: Cause | None = None
            if failure.exists():
                why = json.loads(failure.read_text(encoding="utf-8"))
                cause = cast(Cause, why["cause"])
                self.execution.end(assignment, None, why["message"], cause)
            elif assignment.stop_request.exists():
                cause = "lost" if error else None
                self.execution.end(assignment, "stopped")
            else:
                cause = "lost"
                self.execution.end(assignment, None, "its workers were lost", cause)
            self.dispatch.ended(assignment.trial.signature, lost=cause in ("lost", "preempted"))

    def abandon(self) -> None:
        """Record trials that still ran when Tune itself ended."""
        for trial_id in list(self._live):
            self.execution.end(self._live.pop(trial_id).assignment, "stopped", "interrupted")

    def __getstate__(self) -> dict[str, object]:
        """Nothing: Tune pickles its searcher into files that are never read."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the record, and Tune's restore is never used."""

    def restore(self, checkpoint_path: str) -> None:
        """Never called: a fresh Tuner runs over what the ledger lacks."""
