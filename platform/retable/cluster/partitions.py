"""A trial whose work falls into pieces, done by Ray Data actors: each holds a CPU or a GPU and does one piece after another."""

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
    """Do what is missing of a trial's work; called inside a Tune trial, which holds no CPU of its own.

    A lost actor is started again and does its piece again. A failure is a file in the trial's folder.

    Returns:
        Whether all is done: not where a piece failed, or the attempt was asked to stop.
    """
    missing = _pieces(assignment, torch.device("cpu")).missing()
    if not missing:
        return True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    nodes = cycle(placement.nodes)
    rows = [{"piece": piece} for piece in missing]
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
    """An actor. It makes its pieces at the first call, so that an error then is told like any other."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.pieces: Partitions | None = None

    def __call__(self, row: Mapping[str, int]) -> dict[str, str]:
        """Do a piece, and say why it failed if it did."""
        try:
            if self.pieces is None:
                device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
                self.pieces = _pieces(self.assignment, device)
            if not self.assignment.stop_request.exists():
                self.pieces.write(int(row["piece"]))
        except Exception as error:  # noqa: BLE001  (whatever it is, Ray would only repeat it)
            return {"cause": cause_of(error), "message": traceback.format_exc()}
        return {"cause": "", "message": ""}


def _pieces(assignment: Assignment, device: torch.device) -> Partitions:
    config = assignment.trial.config
    config = replace(config, accumulate=config.accumulate * assignment.split)
    if not isinstance(config, PartitionedConfig):
        raise TypeError(f"the work of a {config.trainable} does not fall into pieces")
    return config.partitions(assignment.trial.seed, AssignedRun(assignment, 0, 1, device))


def _on(node: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node, soft=False)
