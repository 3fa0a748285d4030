"""The health actor of a node: it runs the doctor's checks there, and takes no CPU from training."""

import socket
import time
from collections.abc import Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from retable.doctor import storage
from retable.doctor.all_reduce import Timing, measure, measure_locally
from retable.doctor.examine import Examination, Subject, examine
from retable.doctor.storage import Mark, Reading


class HealthActor:
    """One node's checks. Each method calls the function of the same name in `retable.doctor`."""

    @classmethod
    def on(cls, node: str) -> Any:
        """An actor of this class, pinned to the node with that id."""
        pinned = NodeAffinitySchedulingStrategy(node, soft=False)
        return ray.remote(cls).options(num_cpus=0, scheduling_strategy=pinned).remote()

    def now(self) -> float:
        """The time of this node's clock."""
        return time.time()

    def examine(self, subject: Subject) -> Examination:
        """All checks of this machine."""
        return examine(subject)

    def write(self, results: str) -> Mark | str:
        """The mark of this node in the shared storage, or the error message."""
        try:
            return storage.write(results)
        except OSError as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]

    def read(self, results: str, marks: Mapping[str, Mark]) -> dict[str, Reading]:
        """The readings of each node's mark on this node."""
        return {node: storage.read(results, mark) for node, mark in marks.items()}

    def remove(self, results: str, mark: Mark) -> None:
        """Delete this node's mark."""
        storage.remove(results, mark)

    def meeting(self, address: str) -> str:
        """A rendezvous address for two workers, at a free port of this node."""
        with socket.socket() as free:
            free.bind(("", 0))
            return f"tcp://{address}:{free.getsockname()[1]}"

    def all_reduce(self, rank: int, meeting: str, backend: str) -> Timing:
        """This node's part of an all-reduce between two nodes."""
        return measure(rank, meeting, backend)

    def all_reduce_locally(self, backend: str) -> Timing:
        """An all-reduce between two processes of this node."""
        return measure_locally(backend)
