"""Small data sets in UCF101's layout, made here."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import pytest

from retable.data.decode import pool
from retable.data.decode.pool import Readers, Request
from retable.data.decode.video import Frames
from retable.data.embedded.clips import ensure_embedded

# The real reader, but for what a file's name asks for.
MISBEHAVING = """
import os, time
from retable.data import worker as reader

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
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Readers]:
    """misbehaving(task, …) gives readers that die, crash or hang over files that are called so, in these tasks.

    A second is what they have for a file that hangs them, and all others may take as long as they do.
    """
    ask = pool._Reader.ask

    def make(*tasks: str) -> Readers:
        def patient(reader: pool._Reader, request: Request, seconds: float) -> Mapping[str, object]:
            hangs = request["task"] in tasks and "hangs" in Path(str(request["path"])).name
            return ask(reader, request, seconds if hangs else 900)

        monkeypatch.setattr(pool._Reader, "ask", patient)
        command = (sys.executable, "-c", MISBEHAVING.format(tasks=tasks))
        return Readers(command=command, seconds=1, attempts=1)

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


@pytest.fixture(scope="session")
def save_lossless() -> Callable[[Path, Frames], Path]:
    """save_lossless(path, frames) writes uint8 frames (T, H, W, 3) as FFV1: they come back to the bit."""

    def save(path: Path, frames: Frames) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ffv1", rate=25)
            stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "bgr0"
            for pixels in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
        return path

    return save


UCF101 = {
    "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi": (64, 48),
    "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c02.avi": (64, 48),
    "HandstandPushups/v_HandStandPushups_g08_c01.avi": (81, 61),  # the folder's name and the file's differ
    "YoYo/v_YoYo_g08_c01.avi": (48, 64),
    "YoYo/v_YoYo_g25_c07.mp4": (64, 48),  # its frames are 20, 70 and 33 ms apart
    "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi": (64, 48),
    "HandstandPushups/v_HandStandPushups_g01_c01.avi": (64, 48),
    "YoYo/v_YoYo_g07_c03.avi": (64, 48),
}


@pytest.fixture
def make_ucf101(tmp_path: Path, ucf101: Path) -> Callable[[], Path]:
    """make_ucf101() gives a copy of `ucf101` that a test may change."""

    def make() -> Path:
        return Path(shutil.copytree(ucf101, tmp_path / "source"))

    return make


@pytest.fixture(scope="session")
def ucf101(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with the names, lists, line ends and containers of UCF101; groups up to 7 are for testing."""
    root = tmp_path_factory.mktemp("downloads") / "UCF101"
    for seed, (path, (width, height)) in enumerate(UCF101.items()):
        write_action(root / "UCF-101" / path, 20 + seed, width, height, seed)
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    numbers = {name: n for n, name in enumerate(sorted({path.split("/")[0] for path in UCF101}), 1)}
    train = [path for path in UCF101 if int(path.split("_g")[1][:2]) > 7]
    text = {
        "classInd": [f"{number} {name}" for name, number in numbers.items()],
        "trainlist01": [f"{path} {numbers[path.split('/')[0]]}" for path in train],
        "testlist01": [path for path in UCF101 if path not in train],
    }
    for name, lines in text.items():
        (lists / f"{name}.txt").write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    return root


def write_action(path: Path, frames: int, width: int, height: int, seed: int) -> None:
    """An AVI as UCF101's, in MPEG-4; an mp4 gets a variable frame rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    varied = path.suffix == ".mp4"
    texture = np.random.default_rng(seed).integers(0, 256, (height, width + frames, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264" if varied else "mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if varied else Fraction(1, 25)
        for t in range(frames):
            pixels = np.ascontiguousarray(texture[:, t : t + width])
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if varied:
                frame.pts, frame.time_base = 41 * t + (0, -21, 8)[t % 3], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
