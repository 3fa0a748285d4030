"""Partitioned trials on Ray Data actors: each actor holds a CPU or a GPU and processes one partition after another."""

import logging
import traceback
from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle

import ray.data
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from retable.cluster.train import write_failure
from retable.execution.retries import cause_of
from retable.planning.placement import Placement, WorkerGroup
from retable.store.assignment import Assignment
from retable.training.run import AssignedRun
from retable.trial.partitions import PartitionedConfig, Partitions


def run_partitions(assignment: Assignment, worker_group: WorkerGroup, placement: Placement) -> bool:
    """Write the missing partitions of a trial; called inside a Tune trial, which holds no CPU of its own.

    A lost actor is started again and repeats its partition. A failure is a file in the trial's folder.

    Returns:
        True if all partitions are written; False if one failed, or the attempt was asked to stop.
    """
    missing = _partitions(assignment, torch.device("cpu")).missing()
    if not missing:
        return True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    nodes = cycle(placement.nodes)
    rows = [{"partition": number} for number in missing]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        _Worker,
        fn_constructor_args=(assignment,),
        compute=ray.data.ActorPoolStrategy(size=min(worker_group.workers, len(rows))),
        num_cpus=worker_group.cpus,
        num_gpus=worker_group.gpus or None,
        ray_remote_args_fn=lambda: {"scheduling_strategy": _on(next(nodes))},
    )
    for answer in done.iter_rows():
        if answer["message"]:
            write_failure(assignment, answer["cause"], answer["message"])
        if answer["message"] or assignment.stop_request.exists():
            return False
    return True


class _Worker:
    """An actor. It loads the partitions at its first call, so that an error of loading is reported like any other."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.partitions: Partitions | None = None

    def __call__(self, row: Mapping[str, int]) -> dict[str, str]:
        """Write a partition. Returns the cause and the message of an error, empty if there was none."""
        try:
            if self.partitions is None:
                device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
                self.partitions = _partitions(self.assignment, device)
            if not self.assignment.stop_request.exists():
                self.partitions.write(int(row["partition"]))
        except Exception as error:  # noqa: BLE001  (Ray would only repeat it)
            return {"cause": cause_of(error), "message": traceback.format_exc()}
        return {"cause": "", "message": ""}


def _partitions(assignment: Assignment, device: torch.device) -> Partitions:
    config = assignment.trial.config
    config = replace(config, accumulate=config.accumulate * assignment.split)
    if not isinstance(config, PartitionedConfig):
        raise TypeError(f"the work of a {config.trainable} has no partitions")
    return config.partitions(assignment.trial.seed, AssignedRun(assignment, 0, 1, device))


def _on(node: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node, soft=False)
