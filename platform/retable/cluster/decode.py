"""Reading many video files with Ray Data: the readers of `retable.data`, on every CPU of a cluster."""

import json
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ray.data
from ray.util.metrics import Counter

from retable.cluster.connection.connect import connected
from retable.cluster.connection.preflight import unseen
from retable.cluster.monitoring.series import FILES
from retable.cluster.worker_groups import checked_slots, slots
from retable.data.decode.errors import DataError
from retable.data.decode.pool import READER, Readers, Request, SteadyReader
from retable.planning.placement import WorkerGroup

TASKS = 4096  # most Ray tasks of one list of files; each costs about 10 ms


@contextmanager
def ray_readers(
    folders: Sequence[Path], workers: int | None = None, address: str | None = None
) -> Iterator[Readers]:
    """Readers on a cluster of our own, or on the running one at that address, for the length of the block.

    Args:
        folders: what they read and write; every node must see them at the same path. The last one is written.
        workers: how many read at a time; None for one on every CPU.
        address: a running Ray cluster; None for one of our own, which ends with the block.

    Raises:
        ImpossibleShapeError: there are fewer CPUs than workers.
        ConnectionError: nothing answers at the address.
        DataError: a node does not see the folders.
    """
    with connected(address, folders[-1]) as nodes:
        if workers is not None:
            checked_slots(nodes, WorkerGroup(workers=workers))
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        _check_shared(folders)
        yield RayReaders(processes=workers or slots(nodes, WorkerGroup()))


@dataclass(frozen=True)
class RayReaders(Readers):
    """Readers of which each is the child of a Ray worker: a file that kills or hangs one harms no worker.

    Answers are those of the same readers on one machine, whatever `processes` is.
    """

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Mapping[str, object]]]:
        """As `Readers.answers`; files are begun in the order of the requests."""
        rows = [{"number": n, "request": json.dumps(request)} for n, request in enumerate(requests)]
        if not rows:
            return
        # Another node has its interpreter elsewhere.
        command = () if self.command is READER else tuple(self.command)
        files = Counter(FILES.name, FILES.about, FILES.labels)
        answered = ray.data.from_items(rows, override_num_blocks=min(len(rows), TASKS)).map(
            _answer,
            fn_args=(self.seconds, self.attempts, command),
            compute=ray.data.TaskPoolStrategy(size=self.processes),
            num_cpus=1,
        )
        for row in answered.iter_rows():
            answer: dict[str, object] = json.loads(row["answer"])
            if "fatal" in answer:
                raise DataError(str(answer["fatal"]))
            outcome = "bad" if "error" in answer else "read"
            files.inc(1, {"task": str(requests[row["number"]]["task"]), "outcome": outcome})
            yield row["number"], answer


def _answer(
    row: Mapping[str, object], seconds: float, attempts: int, command: Sequence[str]
) -> dict[str, object]:
    """What Ray Data runs for each file."""
    reader = _reader(Readers(seconds=seconds, attempts=attempts, command=command or READER))
    answer: Mapping[str, object]
    try:
        answer = reader.ask(json.loads(str(row["request"])))
    except DataError as error:
        answer = {"fatal": str(error)}
    return {"number": row["number"], "answer": json.dumps(answer)}


@cache
def _reader(readers: Readers) -> SteadyReader:
    """This worker's own reader, kept from file to file. It ends by itself when the worker does."""
    return SteadyReader(readers)


def _check_shared(folders: Sequence[Path]) -> None:
    """See that every node has the folders, before files there are taken for missing."""
    for node, absent in unseen(folders).items():
        raise DataError(
            f"the node {node} does not see {absent}; --source and --out must be on a file system that all nodes share, "
            "under the same path"
        )
