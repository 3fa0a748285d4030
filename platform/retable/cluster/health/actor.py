"""What the doctor has on each node: it answers for its machine, and takes no CPU from those who train."""

import socket
import time
from collections.abc import Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from retable.doctor import storage
from retable.doctor.all_reduce import Timing, here, measure
from retable.doctor.examine import Machine, Subject, examine
from retable.doctor.storage import Mark, Reading


class HealthActor:
    """One node's answers. Its methods do what the functions of the same name in `retable.doctor` do."""

    @classmethod
    def on(cls, node: str) -> Any:
        """An actor of this class on the node of that id, and on no other."""
        pinned = NodeAffinitySchedulingStrategy(node, soft=False)
        return ray.remote(cls).options(num_cpus=0, scheduling_strategy=pinned).remote()

    def now(self) -> float:
        """This node's clock."""
        return time.time()

    def examine(self, subject: Subject) -> Machine:
        """All checks of this machine."""
        return examine(subject)

    def write(self, place: str) -> Mark | str:
        """A mark of this node's in the storage, or why there is none."""
        try:
            return storage.write(place)
        except OSError as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]

    def read(self, place: str, marks: Mapping[str, Mark]) -> dict[str, Reading]:
        """What is seen here of each node's mark."""
        return {node: storage.read(place, mark) for node, mark in marks.items()}

    def remove(self, place: str, mark: Mark) -> None:
        """Take this node's mark away."""
        storage.remove(place, mark)

    def meeting(self, address: str) -> str:
        """Where two workers can meet: a port of this node's that is free now."""
        with socket.socket() as free:
            free.bind(("", 0))
            return f"tcp://{address}:{free.getsockname()[1]}"

    def all_reduce(self, rank: int, meeting: str, backend: str) -> Timing:
        """This node's part of the measurement between two."""
        return measure(rank, meeting, backend)

    def all_reduce_here(self, backend: str) -> Timing:
        """The measurement between two processes of this node."""
        return here(backend)
