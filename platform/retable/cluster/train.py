"""One trial on Ray Train: a gang of workers that run the loop together."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed as dist
from ray import train as ray_train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.tune.integration.ray_train import TuneReportCallback

from retable import loop
from retable.cluster.launch import Gang
from retable.failures import Cause, cause_of
from retable.files import write_json
from retable.run import AssignedRun, Assignment

LOST_WORKERS = 2
"""How often a gang that lost a worker is put together again within one attempt."""

GROUP_TIMEOUT_SECONDS = 300


@dataclass
class TrainRun(AssignedRun):
    """A `Run` on a Ray Train worker."""

    def report(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Tell Tune, through Train, how far this trial is."""
        ray_train.report({"iteration": iteration, **metrics})


def train_gang(assignment: Assignment, gang: Gang, scratch: Path) -> None:
    """Train one trial on a gang; called inside a Tune trial, which holds no CPU of its own.

    The gang's placement group is all-or-nothing. Results and failures are files in the trial's folder.
    """
    trainer = TorchTrainer(
        work,
        train_loop_config={"assignment": assignment},
        scaling_config=ScalingConfig(
            num_workers=gang.workers, use_gpu=gang.gpus > 0, resources_per_worker=gang.worker
        ),
        torch_config=TorchConfig(timeout_s=GROUP_TIMEOUT_SECONDS),
        run_config=RunConfig(
            name=f"{assignment.trial.signature}-{assignment.attempt}",
            storage_path=str(scratch / "train"),
            callbacks=[TuneReportCallback()],
            failure_config=FailureConfig(max_failures=LOST_WORKERS, controller_failure_limit=3),
        ),
    )
    trainer.fit()


def work(config: Mapping[str, Any]) -> None:
    """What each worker of the gang does."""
    assignment: Assignment = config["assignment"]
    context = ray_train.get_context()
    run = TrainRun(assignment, context.get_world_rank(), context.get_world_size(), get_device())
    if failure_file(assignment).exists():
        return  # this gang was put together again after an error in the code, which would only repeat
    try:
        loop.train(assignment.trial, run, split=assignment.split)
    except Exception as error:
        if not _peer_was_lost(error):
            write_failure(assignment, cause_of(error), traceback.format_exc())
        raise


def failure_file(assignment: Assignment) -> Path:
    """Where an attempt's error is written: its traceback outlives the worker."""
    return assignment.folder / f"failure-{assignment.attempt}.json"


def write_failure(assignment: Assignment, cause: Cause, message: str) -> None:
    """Write down why an attempt failed; the driver reads it when the gang has ended."""
    write_json(failure_file(assignment), {"cause": cause, "message": message})


def _peer_was_lost(error: Exception) -> bool:
    """Whether the error only says that another worker of the gang went away."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )
