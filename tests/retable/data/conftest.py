"""Small data sets in UCF101's layout, made here."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import pytest

from retable.data.embedded import ensure_embedded
from retable.data.readers import Readers

# The real reader, but for what a file's name asks for.
MISBEHAVING = """
import os, time
from retable.data import reader

def trapped(task, real):
    def run(**request):
        name = os.path.basename(request["path"])
        if task in {tasks!r} and "dies" in name:
            os._exit(3)
        if task in {tasks!r} and "crashes" in name:
            os.kill(os.getpid(), 11)
        if task in {tasks!r} and "hangs" in name:
            time.sleep(3600)
        return real(**request)
    return run

reader.TASKS = {{task: trapped(task, real) for task, real in reader.TASKS.items()}}
reader.main()
"""


class MakeVideo(Protocol):
    def __call__(
        self, path: Path, *, frames: int = 20, width: int = 32, height: int = 32, seed: int = 0
    ) -> Path: ...


class MakeSet(Protocol):
    def __call__(self, train: Sequence[str], test: Sequence[str], frames: int = 20) -> Path: ...


@pytest.fixture
def misbehaving() -> Callable[..., Readers]:
    """misbehaving(task, …) gives readers that die, crash or hang over files that are called so, in these tasks."""

    def make(*tasks: str) -> Readers:
        command = (sys.executable, "-c", MISBEHAVING.format(tasks=tasks))
        return Readers(command=command, seconds=5, attempts=1)

    return make


def write_video(path: Path, *, frames: int = 20, width: int = 32, height: int = 32, seed: int = 0) -> Path:
    """A drifting texture of its own for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texture = np.random.default_rng(seed).integers(0, 256, (height, width + frames, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "qp": "20", "threads": "1"}
        for t in range(frames):
            frame = np.ascontiguousarray(texture[:, t : t + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_lists(root: Path, classes: Sequence[str], train: Sequence[str], test: Sequence[str]) -> Path:
    """classInd.txt and the lists, with labels in the train list only, as UCF101 has them."""
    splits = root / "splits"
    splits.mkdir(parents=True, exist_ok=True)
    numbers = {name: number for number, name in enumerate(classes, 1)}
    (splits / "classInd.txt").write_text("".join(f"{n} {name}\n" for name, n in numbers.items()))
    labelled = [f"{path} {numbers.get(path.split('/')[0], 99)}\n" for path in train]
    (splits / "trainlist01.txt").write_text("".join(labelled))
    (splits / "testlist01.txt").write_text("".join(f"{path}\n" for path in test))
    return root


@pytest.fixture
def make_video() -> MakeVideo:
    return write_video


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """make_set(train=[…], test=[…]) writes a set of the classes A and B, with a video for each path."""

    def make(train: Sequence[str], test: Sequence[str], frames: int = 20) -> Path:
        root = write_lists(tmp_path / "set", ("A", "B"), train, test)
        for seed, path in enumerate([*train, *test]):
            write_video(root / "videos" / path, frames=frames, seed=seed)
        return root

    return make


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def embedded(shared_cache: Path) -> Path:
    """The embedded set with two clips a class: one to train, one to test."""
    return ensure_embedded(shared_cache, clips_per_class=2)
