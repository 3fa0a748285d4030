"""A trial that trains nothing, as one Ray task: Ray keeps the task's process for the next such trial."""

import traceback

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from retable.cluster.monitoring.gauges import WatchedRun, trial_gauges
from retable.cluster.train import write_failure
from retable.execution.retries import cause_of
from retable.planning.placement import Placement, WorkerGroup
from retable.store.assignment import Assignment
from retable.store.working_copy import working_copy
from retable.training import loop


def score(assignment: Assignment, worker_group: WorkerGroup, placement: Placement) -> None:
    """Score one trial on one worker of the worker group's shape; called inside a Tune trial, which holds no CPU of its own.

    Results and failures are files in the trial's folder. A task that is lost is another attempt's to repeat.
    """
    task = ray.remote(_work).options(
        num_cpus=worker_group.cpus,
        num_gpus=worker_group.gpus,
        max_retries=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(placement.nodes[0], soft=False),
    )
    ray.get(task.remote(assignment))


def _work(assignment: Assignment) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with working_copy(assignment, 0) as (here, mirror):
        try:
            with trial_gauges(here) as gauges:
                loop.train(here.trial, WatchedRun(here, 0, 1, device, gauges, mirror=mirror))
        except Exception as error:  # noqa: BLE001  (whatever it is, a retry would only repeat it)
            write_failure(here, cause_of(error), traceback.format_exc())
