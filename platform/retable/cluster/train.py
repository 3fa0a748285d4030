"""One trial on Ray Train: a worker group of workers that run the loop together."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed as dist
from ray import train as ray_train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device
from ray.tune.integration.ray_train import TuneReportCallback

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
        """Tell Tune, through Train, how far this trial is."""
        ray_train.report({"iteration": iteration, **metrics})


def train_worker_group(
    assignment: Assignment, worker_group: WorkerGroup, placement: Placement, scratch: Path
) -> None:
    """Train one trial on a worker group; called inside a Tune trial, which holds no CPU of its own.

    The worker group's placement group is all-or-nothing. Results and failures are files in the trial's folder. A worker group that
    loses a worker has failed, and Train tries nothing again: the next worker group is another attempt, of a size and in a
    place that suit the nodes that are left, and whatever of this one lives on is refused by its number.
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
    """What each worker of the worker group does."""
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


def failure_file(assignment: Assignment) -> Path:
    """Where an attempt's error is written: its traceback outlives the worker."""
    return TrialFolder(assignment.folder).failure(assignment.attempt)


def write_failure(assignment: Assignment, cause: Cause, message: str) -> None:
    """Write down why an attempt failed; the driver reads it when the worker group has ended."""
    write_json(failure_file(assignment), {"cause": cause, "message": message})


def _peer_was_lost(error: Exception) -> bool:
    """Whether the error only says that another worker of the worker group went away."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )
