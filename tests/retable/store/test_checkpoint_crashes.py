"""Whatever line a save is killed at, the checkpoint before it loads, and no partial one ever bears its final name.

Run as a script, this file is the harness: for every line that `save` executes in the package's files it forks a
process which kills itself there, as kill -9 or a power cut would.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import torch

from retable.store import checkpoint
from retable.store.checkpoint import at, load, newest, prune, save

SIGNATURE = "0123456789abcdef"
PACKAGE = os.path.dirname(checkpoint.__file__)


def kill_at(line: int) -> None:
    """Kill this process before the package's n-th line from now on is executed."""
    executed = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal executed
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            executed += 1
            if executed == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def state(iteration: int) -> dict[str, Any]:
    return {"weight": torch.full((3,), float(iteration)), "iteration": iteration}


def forked(action: Callable[[], object]) -> bool:
    """Run an action in a child of its own; whether it came to its end."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the save itself failed"
    return not os.WIFSIGNALED(status)


def cut_power(folder: Path, synced: Path) -> None:
    """What a power cut does besides: files that were never synced lose their content."""
    safe = set(synced.read_text().split()) if synced.exists() else set()
    for path in folder.rglob("*"):
        if path.is_file() and str(path.stat().st_ino) not in safe:
            path.write_bytes(bytes(path.stat().st_size))


def crash(folder: Path, line: int, work: Callable[[], object], *, power: bool) -> bool:
    """Kill `work` at a line; whether it came to its end before."""
    synced = folder.parent / "synced"
    old = {str(path.stat().st_ino) for path in folder.rglob("*")}
    synced.write_text("\n".join(old) + "\n")

    def fsync(handle: int) -> None:
        with synced.open("a") as file:
            file.write(f"{os.fstat(handle).st_ino}\n")

    def act() -> None:
        os.fsync = fsync  # type: ignore[assignment]
        kill_at(line)
        work()

    ended = forked(act)
    if power and not ended:
        cut_power(folder, synced)
    return ended


def check(folder: Path, newest_allowed: tuple[int, ...]) -> None:
    """The newest checkpoint is one of those, to the bit, and nothing had to be put into quarantine."""
    found = newest(folder, SIGNATURE)
    assert found is not None
    assert found.skipped == ()
    assert found.iteration in newest_allowed, (found.iteration, newest_allowed)
    back = load(found, "cpu")
    assert torch.equal(back["weight"], state(found.iteration)["weight"])
    assert back["iteration"] == found.iteration


def main(root: Path) -> None:
    """Crash the save of iteration 3 and the pruning behind it at every line with the power cut, at some without."""
    os.fsync = lambda handle: None  # type: ignore[assignment]  # no disk is waited for: power cuts are simulated
    start = root / "start"
    for iteration in (1, 2):
        save(start, iteration, state(iteration), signature=SIGNATURE, attempt=1)

    def work(folder: Path) -> None:
        save(folder, 3, state(3), signature=SIGNATURE, attempt=1)
        prune(folder, 2, ())

    crashes = 0
    for power, stride in ((True, 1), (False, 5)):
        line = 1
        while True:
            folder = root / f"{power}" / "trial"
            shutil.copytree(start, folder)
            ended = crash(folder, line, lambda folder=folder: work(folder), power=power)  # type: ignore[misc]
            check(folder, (3,) if ended else (2, 3))
            work(folder)  # the next attempt
            check(folder, (3,))
            assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
                "00000002",
                "00000003",
            ]
            at(folder, 2, SIGNATURE)
            shutil.rmtree(folder.parent)
            if ended:
                break
            crashes += 1
            line += stride
    sys.stdout.write(json.dumps({"crashes": crashes}))


def test_a_save_killed_at_any_line_costs_nothing_older(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["crashes"] >= 200


if __name__ == "__main__":
    # Syncing is simulated here: where there is a folder in memory, no disk is waited for.
    with TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else sys.argv[1]) as memory:
        main(Path(memory))
