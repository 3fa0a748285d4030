"""Pool of reader processes, which may die or hang without ending the run. They run `retable.data.worker`."""

import json
import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import retable
from retable.data.decode.errors import DataError

Request = Mapping[str, str | int]
Progress = Callable[[int, int], None]
"""Called with (files done, files in all)."""

READER = (sys.executable, "-P", "-m", "retable.data.worker")
STARTING = 300.0  # seconds that a reader may take to start on a busy machine


@dataclass(frozen=True)
class Readers:
    """Pool of reader processes and their limits.

    Attributes:
        processes: number of processes.
        seconds: time limit for one file. A reader that takes longer is killed.
        attempts: number of readers that a file may kill before it counts as bad; on a busy machine one may
            die by chance.
        command: the reader program; tests replace it.
    """

    processes: int = 2
    seconds: float = 120.0
    attempts: int = 2
    command: Sequence[str] = READER

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Mapping[str, object]]]:
        """Answers in the order of completion, each with the number of its request.

        An answer without the key ``error`` is the reader's own. ``{"error": …}`` means that the task failed,
        and ``{"error": …, "lost": True}`` that the reader died or hung.

        Raises:
            DataError: reader processes can't be started.
        """
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Mapping[str, object]] | Exception] = queue.SimpleQueue()
        for number in range(len(requests)):
            waiting.put(number)
        stopping = threading.Event()
        threads = [
            threading.Thread(target=self._serve, args=(requests, waiting, done, stopping), daemon=True)
            for _ in range(min(self.processes, len(requests)))
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in requests:
                item = done.get()
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            stopping.set()
            for thread in threads:
                thread.join()

    def _serve(
        self,
        requests: Sequence[Request],
        waiting: "queue.SimpleQueue[int]",
        done: "queue.SimpleQueue[tuple[int, Mapping[str, object]] | Exception]",
        stopping: threading.Event,
    ) -> None:
        reader = SteadyReader(self, stopping)
        try:
            while not stopping.is_set():
                try:
                    number = waiting.get_nowait()
                except queue.Empty:
                    return
                done.put((number, reader.ask(requests[number])))
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits for answers
            done.put(error)
        finally:
            reader.close()


class SteadyReader:
    """A reader process that is restarted when it dies or hangs."""

    def __init__(self, readers: Readers, stopping: threading.Event | None = None) -> None:
        self._readers = readers
        self._stopping = stopping or threading.Event()
        self._process: _Reader | None = None

    def ask(self, request: Request) -> Mapping[str, object]:
        """Answer to a request, as from `Readers.answers`. The first request starts the process.

        Raises:
            DataError: reader processes can't be started.
        """
        answer: Mapping[str, object] = {}
        for _ in range(self._readers.attempts):
            self._process = self._process or _Reader(self._readers.command, self._stopping)
            answer = self._process.ask(request, self._readers.seconds)
            if "lost" not in answer or self._stopping.is_set():
                break
            self.close()
        return answer

    def close(self) -> None:
        """End the process; a later request starts another one."""
        if self._process is not None:
            self._process.close()
            self._process = None


class _Reader:
    """One reader process, which answers one request at a time."""

    def __init__(self, command: Sequence[str], stopping: threading.Event) -> None:
        self._stopping = stopping
        self._left = b""
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        source = str(Path(retable.__file__).parent.parent)
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        if self._line(STARTING) != "ready" and not stopping.is_set():
            self.close()
            raise DataError(
                f"the reader process {' '.join(command)} does not start: {self._last_words}",
                remedy="run `retable doctor`, which names what is missing",
            )

    def ask(self, request: Request, seconds: float) -> Mapping[str, object]:
        assert self._process.stdin is not None
        line = json.dumps({**request, "seconds": int(seconds)}) + "\n"
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return {"error": self._death(), "lost": True}
        answer = self._line(seconds)
        if answer is None:
            return {"error": f"the reader was still busy after {seconds:g} s", "lost": True}
        if not answer:
            return {"error": self._death(), "lost": True}
        parsed: Mapping[str, object] = json.loads(answer)
        return parsed

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # a request that the dead reader never took
                continue
        self._last_words = _tail(self._errors)
        self._errors.close()

    def _line(self, seconds: float) -> str | None:
        """Next line of the answer; "" at the end of the stream, None if the time is up or the pool stops."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        poll = select.poll()  # select.select refuses descriptors above 1023, and a Ray worker has them
        poll.register(descriptor, select.POLLIN)
        end = time.monotonic() + seconds
        while b"\n" not in self._left:
            left = end - time.monotonic()
            if left <= 0 or self._stopping.is_set():
                return None
            if poll.poll(min(left, 0.2) * 1000):
                read = os.read(descriptor, 1 << 16)
                if not read:
                    return ""
                self._left += read
        line, _, self._left = self._left.partition(b"\n")
        return line.decode()

    def _death(self) -> str:
        code = self._process.wait()
        return (
            f"the reader was ended by {signal.Signals(-code).name}"
            if code < 0
            else f"the reader exited with {code}"
        )


def _tail(file: IO[bytes]) -> str:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - 2000))
    lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"
