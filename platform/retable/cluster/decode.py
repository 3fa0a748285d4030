"""Decoding of many files with Ray Data: the reader processes of `retable.data`, on every CPU of a cluster."""

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
from retable.cluster.connection.preflight import missing_folders
from retable.cluster.monitoring.series import FILES
from retable.cluster.worker_groups import checked_slots, slots
from retable.data.decode.errors import DataError
from retable.data.decode.pool import READER, Readers, Request, SteadyReader
from retable.planning.placement import WorkerGroup

TASKS = 4096  # most Ray tasks for one list of files; each takes about 10 ms to start


@contextmanager
def ray_readers(
    folders: Sequence[Path], workers: int | None = None, address: str | None = None
) -> Iterator[Readers]:
    """Readers on a cluster of our own or on the running one at that address, for the length of the block.

    Args:
        folders: folders that they read and write; every node must have them at the same path. The last one is written.
        workers: number of concurrent readers; None for one on every CPU.
        address: a running Ray cluster; None for one of our own, which ends with the block.

    Raises:
        ImpossibleShapeError: there are fewer CPUs than workers.
        ConnectionError: no cluster answers at the address.
        DataError: a node lacks one of the folders.
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
    """Readers that are child processes of Ray workers: a file that kills or hangs a reader harms no worker.

    The answers equal those of readers on one machine, whatever `processes` is.
    """

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Mapping[str, object]]]:
        """As `Readers.answers`; files are started in the order of the requests."""
        rows = [{"number": n, "request": json.dumps(request)} for n, request in enumerate(requests)]
        if not rows:
            return
        # The interpreter may have another path on another node.
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
    """The task that Ray Data runs for each file."""
    reader = _reader(Readers(seconds=seconds, attempts=attempts, command=command or READER))
    answer: Mapping[str, object]
    try:
        answer = reader.ask(json.loads(str(row["request"])))
    except DataError as error:
        answer = {"fatal": str(error)}
    return {"number": row["number"], "answer": json.dumps(answer)}


@cache
def _reader(readers: Readers) -> SteadyReader:
    """This worker's reader, which is kept from file to file and ends with the worker."""
    return SteadyReader(readers)


def _check_shared(folders: Sequence[Path]) -> None:
    """Check that every node has the folders. Otherwise their files would be reported as missing."""
    for node, absent in missing_folders(folders).items():
        raise DataError(
            f"the node {node} does not see {absent}; --source and --out must be on a file system that all nodes share, "
            "under the same path"
        )
