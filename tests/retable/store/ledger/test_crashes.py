"""Many processes on one ledger, and processes that are killed at every line of it.

Run as a script, this file is one such process: ``open``, ``race``, ``stress`` or ``crashes``, each on a ledger's path.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest

from retable.io import sqlite
from retable.store import ledger as module
from retable.store.ledger import FINISHED, AlreadyDone, LeaseHeld, Ledger

TRIALS = [(f"{i:016x}", {"seed": i}, f"seed={i}") for i in range(3)]


def drive(ledger: Ledger) -> None:
    """What a driver does: begin whatever is not finished, train it, finish it."""
    ledger.declare("study", "smoke", TRIALS)
    for trial in ledger.trials("study"):
        if trial.state not in FINISHED:
            attempt = ledger.begin(trial.signature)
            for iteration in (attempt.iteration + 1, attempt.iteration + 2):
                ledger.progress(attempt, iteration)
            ledger.finish(attempt, "done", {"is": 1.0})


def kill_at(line: int) -> None:
    """Kill this process before the n-th line of the ledger's files from now on is executed."""
    executed = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal executed
        if frame.f_code.co_filename not in (module.__file__, sqlite.__file__):
            return None
        if event == "line":
            executed += 1
            if executed == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def killed(path: Path, line: int) -> bool:
    """Drive in a child that is killed at that line; False if it came to its end before."""
    pid = os.fork()
    if pid == 0:
        kill_at(line)
        with Ledger(path) as ledger:
            drive(ledger)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def check(ledger: Ledger, drivers: int) -> None:
    """Nothing lost, nothing twice: each trial is done once, its attempts are numbered, none is left running."""
    assert [trial.signature for trial in ledger.trials()] == [signature for signature, _, _ in TRIALS]
    for trial in ledger.trials():
        assert [attempt.number for attempt in trial.attempts] == list(range(1, len(trial.attempts) + 1))
        assert len(trial.attempts) <= drivers
        assert [attempt.state for attempt in trial.attempts[:-1]] == ["failed"] * (len(trial.attempts) - 1)
        assert {attempt.cause for attempt in trial.attempts[:-1]} <= {"lost"}
        assert (trial.state, trial.result) == ("done", {"is": 1.0})


def crashes(folder: Path, stride: int) -> int:
    """Kill a driver at the n-th line, a second one right after it, then let a third go on, for every n."""
    line, count = 1, 0
    while True:
        path = folder / f"{line}.db"
        if not killed(path, line):
            return count
        killed(path, line // 2 + 1)
        with Ledger(path) as ledger:
            drive(ledger)
            check(ledger, 3)
        count += 1
        line += stride


def stress(path: Path, seconds: float) -> int:
    """Begin, progress and finish as fast as it goes, for so long and for 3 attempts at least; how often it progressed."""
    count, end = 0, time.monotonic() + seconds
    with Ledger(path) as ledger:
        for number in range(10**6):
            if number >= 3 and time.monotonic() > end:
                break
            signature = f"{os.getpid()}-{number}"
            ledger.declare("stress", "smoke", [(signature, {"pid": os.getpid()}, "")])
            attempt = ledger.begin(signature)
            for iteration in range(5):
                ledger.progress(attempt, iteration)
                count += 1
            ledger.finish(attempt, "done")
    return count


def race(path: Path) -> str:
    """Begin the first trial when told to; live on until told to end, so that the lease stays alive."""
    with Ledger(path) as ledger:
        tell("ready")
        sys.stdin.readline()
        try:
            ledger.begin(TRIALS[0][0])
        except (LeaseHeld, AlreadyDone) as held:
            tell(type(held).__name__)
        else:
            tell("won")
        sys.stdin.readline()
        return "ended"


def tell(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answers(processes: Sequence[subprocess.Popen[str]], timeout: float = 900) -> list[Any]:
    said = [process.communicate(timeout=timeout) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), [err for _, err in said]
    return [json.loads(out.splitlines()[-1]) for out, _ in said]


def test_eight_processes_may_make_the_ledger_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    assert answers([start("open", path) for _ in range(8)]) == [3] * 8


def test_of_many_that_begin_a_trial_at_once_exactly_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.declare("study", "smoke", TRIALS)
    racers = [start("race", path) for _ in range(5)]
    assert [heard(racer) for racer in racers] == ["ready"] * 5
    for racer in racers:
        go(racer)
    assert sorted(heard(racer) for racer in racers) == ["LeaseHeld"] * 4 + ["won"]
    assert answers(racers) == ["ended"] * 5


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_eight_writers_and_a_reader_never_meet_a_locked_ledger(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        writers = [start("stress", path, seconds) for _ in range(8)]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert all(len(trial.attempts) <= 1 for trial in ledger.trials())
            time.sleep(0.05)
        counts = answers(writers)
        assert min(counts) >= 15
        assert {trial.state for trial in ledger.trials()} == {"done"}
        assert sum(trial.iteration + 1 for trial in ledger.trials()) == sum(counts)


def test_a_driver_killed_at_any_line_loses_and_repeats_nothing(tmp_path: Path) -> None:
    (count,) = answers([start("crashes", tmp_path, 9)])
    assert count >= 100


@pytest.mark.slow
def test_a_driver_killed_at_every_single_line_loses_and_repeats_nothing(tmp_path: Path) -> None:
    (count,) = answers([start("crashes", tmp_path, 1)])
    assert count >= 200


def test_a_killed_owners_trial_is_taken_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.declare("study", "smoke", TRIALS)
        owner = start("race", path)
        go(owner)
        assert [heard(owner), heard(owner)] == ["ready", "won"]
        with pytest.raises(LeaseHeld, match=f"process {owner.pid} on "):
            ledger.begin(TRIALS[0][0])
        owner.kill()
        owner.communicate()
        assert ledger.begin(TRIALS[0][0]).number == 2


def main(task: str, path: Path, *numbers: str) -> object:
    """What the process of that name answers."""
    if task == "open":
        with Ledger(path) as ledger:
            ledger.declare("study", "smoke", TRIALS)
            return len(ledger.trials())
    if task == "race":
        return race(path)
    if task == "stress":
        return stress(path, float(numbers[0]))
    # A kill loses nothing that was handed to the system: where there is a folder in memory, no disk is waited for.
    with TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else path) as folder:
        return crashes(Path(folder), int(numbers[0]))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])) + "\n")
