"""A thousand damaged media files: each is told, or its pixels are equal; nothing crashes, hangs or raises."""

import hashlib
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retable.data.decode.pool import Readers
from retable.data.scan.check import check
from tests.retable.data.conftest import write_lists
from tests.retable.data.decode.test_video_exact import encode

SEED = int(os.environ.get("RETABLE_SEED", "20"))
EACH = 64  # mutations of a file: 16 files make about a thousand

VIDEOS: Mapping[str, tuple[str, str, dict[str, str]]] = {
    "h264.mp4": ("libx264", "yuv420p", {"bf": "2"}),
    "baseline.mp4": ("libx264", "yuv420p", {"profile": "baseline"}),
    "h264.mkv": ("libx264", "yuv420p", {"bf": "2"}),
    "h264.ts": ("libx264", "yuv420p", {"bf": "2"}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "ffv1.mkv": ("ffv1", "bgr0", {"slicecrc": "1", "level": "3"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
}
IMAGES = ("rgb.png", "rgb.jpg", "rgb.webp", "rgb.bmp", "rgb.tif", "rgb.ppm", "rgb.avif", "deep.png")


def flipped(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 5, 20))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def blanked(data: bytearray, draw: random.Random) -> None:
    place = draw.randrange(len(data))
    data[place : place + 64] = bytes(len(data[place : place + 64]))


def noisy(data: bytearray, draw: random.Random) -> None:
    place = draw.randrange(len(data))
    data[place : place + 32] = draw.randbytes(len(data[place : place + 32]))


def cut(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data)) :]


def thinned(data: bytearray, draw: random.Random) -> None:
    place = draw.randrange(len(data))
    del data[place : place + draw.randrange(1, 64)]


def swapped(data: bytearray, draw: random.Random) -> None:
    a, b = sorted(draw.sample(range(0, len(data) - 64, 64), 2))
    data[a : a + 64], data[b : b + 64] = data[b : b + 64], data[a : a + 64]


MUTATIONS: Sequence[Callable[[bytearray, random.Random], None]] = (
    flipped,
    blanked,
    noisy,
    cut,
    thinned,
    swapped,
)


def mutated(source: Path, folder: Path, draw: random.Random) -> list[Path]:
    """Damaged copies of a file, and the sound one first."""
    folder.mkdir(parents=True)
    whole = source.read_bytes()
    paths = [folder / f"sound{source.suffix}"]
    paths[0].write_bytes(whole)
    for number in range(EACH):
        data = bytearray(whole)
        kind = draw.choice(MUTATIONS)
        kind(data, draw)
        paths.append(folder / f"{number:03}_{kind.__name__}{source.suffix}")
        paths[-1].write_bytes(data)
    return paths


def write_image(path: Path) -> Path:
    grid = np.mgrid[0:48, 0:64].sum(axis=0)
    pixels = np.stack([grid * 2, 255 - grid, (grid * 5) % 256], axis=2).astype(np.uint8)
    image = Image.fromarray(pixels)
    if path.name.startswith("deep"):
        image = Image.fromarray((grid * 500).astype(np.uint16))
    image.save(path)
    return path


def pixels(paths: Sequence[Path], request: Mapping[str, str | int], out: Path, readers: Readers) -> list[str]:
    """A hash of each file's decoded pixels, by readers; empty if it can't be decoded."""
    requests = [{**request, "path": str(path), "out": str(out / str(n))} for n, path in enumerate(paths)]
    found = [""] * len(paths)
    for number, answer in readers.answers(requests):
        if "error" not in answer:
            found[number] = hashlib.sha256((out / str(number)).read_bytes()).hexdigest()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["videos", "images"])
def test_a_thousand_mutated_files_are_told_or_equal(tmp_path: Path, kind: str) -> None:
    print(f"seed {SEED}")  # noqa: T201 - RETABLE_SEED takes another
    draw = random.Random(SEED)
    if kind == "videos":
        sources = [
            encode(tmp_path / name, codec, form, options=more) for name, (codec, form, more) in VIDEOS.items()
        ]
    else:
        sources = [write_image(tmp_path / name) for name in IMAGES]
    files = {
        source.name: mutated(source, tmp_path / "set" / "videos" / source.name, draw) for source in sources
    }
    root, readers = tmp_path / "set", Readers(seconds=60)
    listed = [f"{name}/{path.name}" for name, paths in files.items() for path in paths]
    write_lists(root, list(files), listed[1:], listed[:1])
    sums = tmp_path / "SUMS"
    sound = {name: hashlib.sha256(paths[0].read_bytes()).hexdigest() for name, paths in files.items()}
    sums.write_text("".join(f"{sound[path.split('/')[0]]}  {path}\n" for path in listed))

    report = check(root, frames=1, cache=tmp_path / "cache", readers=readers, checksums=sums)
    found = {video.path: video for video in report.catalog.videos}
    assert len(found) == len(listed)
    different = {video.path for video in report.bad}
    outcomes: dict[str, Counter[str]] = {}
    for name, paths in files.items():
        assert found[f"{name}/{paths[0].name}"].problem is None, "the sound one"
        good = [path for path in paths if found[f"{name}/{path.name}"].problem is None]
        request: Mapping[str, str | int] = {"task": "decode image", "size": 48, "square": True}
        if kind == "videos":
            decoder = found[f"{name}/{paths[0].name}"].decoder
            request = {"task": "decode", "decoder": decoder, "width": 64, "height": 48, "square": False}
        (tmp_path / "out" / name).mkdir(parents=True)
        decoded = dict(zip(good, pixels(good, request, tmp_path / "out" / name, readers), strict=True))
        outcome = outcomes[name] = Counter()
        for path in paths[1:]:
            video = found[f"{name}/{path.name}"]
            if video.problem:
                outcome[video.problem] += 1
            elif decoded[path] == decoded[paths[0]]:
                outcome["equal"] += 1
            elif video.note and video.note != found[f"{name}/{paths[0].name}"].note:
                outcome["noted"] += 1
            else:
                outcome["told by the checksums alone"] += 1
                assert video.path in different
        print(name, dict(outcome))  # noqa: T201
    assert sum(outcome.total() for outcome in outcomes.values()) == EACH * len(files)
    # Where the format carries checksums, or the decoder is strict, the list is hardly needed.
    for name in ("ffv1.mkv", "rgb.png"):
        if name in outcomes:
            assert not outcomes[name]["told by the checksums alone"]
