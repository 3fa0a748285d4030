"""Runs one trial on a cluster: on a worker group of Ray Train, or in one Ray task where nothing is trained."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import torch
import torch.distributed as dist
from ray import train as ray_train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device
from ray.tune.integration.ray_train import TuneReportCallback
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from retable.cluster.monitoring.gauges import WatchedRun, trial_gauges
from retable.cluster.process_group import GroupConfig
from retable.execution.retries import Cause, cause_of
from retable.io.files import write_json
from retable.planning.placement import Placement, WorkerGroup
from retable.store.assignment import Assignment
from retable.store.formats.layout import TrialFolder
from retable.store.working_copy import working_copy
from retable.training import loop

NODE_LABEL = "ray.io/node-id"
"""The label that Ray gives each node."""

GROUP_TIMEOUT_SECONDS = 300


@dataclass
class TrainRun(WatchedRun):
    """A `Run` on a Ray Train worker."""

    def report(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Report this trial's iteration to Tune, through Train."""
        ray_train.report({"iteration": iteration, **metrics})


def train_worker_group(
    assignment: Assignment, worker_group: WorkerGroup, placement: Placement, scratch: Path
) -> None:
    """Train one trial on a worker group; called inside a Tune trial, which holds no CPU of its own.

    The placement group is all-or-nothing. Results and failures are files in the trial's folder. A worker group that loses a
    worker has failed, and Train does not retry it: the next worker group is another attempt, with a size and a placement that
    suit the remaining nodes. Workers of this attempt that still live are fenced off by its number.
    """
    trainer = TorchTrainer(
        work,
        train_loop_config={"assignment": assignment},
        scaling_config=ScalingConfig(
            num_workers=worker_group.workers,
            use_gpu=worker_group.gpus > 0,
            resources_per_worker=worker_group.worker,
            placement_strategy=placement.strategy,
            label_selector=[{NODE_LABEL: node} for node in placement.nodes],
        ),
        torch_config=GroupConfig(timeout_s=GROUP_TIMEOUT_SECONDS),
        run_config=RunConfig(
            name=f"{assignment.trial.signature}-{assignment.attempt}",
            storage_path=str(scratch / "train"),
            callbacks=[TuneReportCallback()],
            failure_config=FailureConfig(
                max_failures=0, controller_failure_limit=0, max_preemption_failures=0
            ),
        ),
    )
    trainer.fit()


def work(config: Mapping[str, Any]) -> None:
    """The function that each worker of the worker group runs."""
    context = ray_train.get_context()
    rank, size = context.get_world_rank(), context.get_world_size()
    with working_copy(config["assignment"], rank) as (assignment, mirror):
        try:
            with trial_gauges(assignment) as gauges:
                run = TrainRun(assignment, rank, size, get_device(), gauges, mirror=mirror)
                loop.train(assignment.trial, run, split=assignment.split)
        except Exception as error:
            if not _peer_was_lost(error):
                write_failure(assignment, cause_of(error), traceback.format_exc())
            raise


def score_trial(assignment: Assignment, worker_group: WorkerGroup, placement: Placement) -> None:
    """Score a trial that trains nothing, in one Ray task; called inside a Tune trial, which holds no CPU of its own.

    The task is one worker of the worker group's shape. Ray keeps its process for the next such trial. Results and failures
    are files in the trial's folder. A lost task is repeated by another attempt.
    """
    task = ray.remote(_score).options(
        num_cpus=worker_group.cpus,
        num_gpus=worker_group.gpus,
        max_retries=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(placement.nodes[0], soft=False),
    )
    ray.get(task.remote(assignment))


def _score(assignment: Assignment) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with working_copy(assignment, 0) as (here, mirror):
        try:
            with trial_gauges(here) as gauges:
                loop.train(here.trial, WatchedRun(here, 0, 1, device, gauges, mirror=mirror))
        except Exception as error:  # noqa: BLE001  (a retry by Ray would only repeat it)
            write_failure(here, cause_of(error), traceback.format_exc())


def failure_file(assignment: Assignment) -> Path:
    """Path of the file with an attempt's error and its traceback."""
    return TrialFolder(assignment.folder).failure(assignment.attempt)


def write_failure(assignment: Assignment, cause: Cause, message: str) -> None:
    """Write the error of an attempt; the driver reads it when the worker group has ended."""
    write_json(failure_file(assignment), {"cause": cause, "message": message})


def _peer_was_lost(error: Exception) -> bool:
    """True if the error only reports the loss of another worker of the group."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )
