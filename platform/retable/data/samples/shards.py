"""Shards of decoded frames: memory-mapped Arrow files of uint8 frames at the stored size.

A shard has one record batch a video and one row a frame; an image is a video of one frame. The name of its
folder is a hash of its content (hashes of the videos, size, filter): a changed data set is decoded again, an
unchanged one never.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from retable.data.decode.errors import DataError
from retable.data.decode.frames import frames_schema
from retable.data.decode.pool import Progress, Readers, Request
from retable.data.decode.spec import FACES, FaceSpec, ImageSpec, Spec, resize_of
from retable.data.decode.video import Frames
from retable.data.scan.catalog import Video
from retable.io.cache import cache_folder
from retable.io.files import replacing, room_for
from retable.io.locks import locked

SHARD = 1 << 30  # bytes after which a shard takes no further video: all of UCF101 needs few open files
STALE = 1800.0  # seconds without a new file after which a build counts as killed, and its files are removed


@dataclass(frozen=True)
class Shards:
    """Decoded videos, by the SHA-256 of their files.

    Attributes:
        size: width and height of the frames.
        batches: shard and number of the record batch of each video.
        quarantined: reason why a file could not be decoded although the scan found no problem, by hash.
    """

    size: tuple[int, int]
    batches: Mapping[str, tuple[pa.RecordBatchFileReader, int]]
    quarantined: Mapping[str, str]

    def clip(self, sha256: str, start: int, frames: int) -> Frames:
        """Consecutive frames of a video: uint8 (T, 3, H, W), read-only, straight from the mapped file.

        Raises:
            DataError: the bytes on disk have changed since they were written.
        """
        reader, number = self.batches[sha256]
        # Not Arrow's own to_numpy: it imports pandas.
        pixel_bytes, sum_bytes = (column.buffers()[1] for column in reader.get_batch(number).columns)
        width, height = self.size
        row = 3 * height * width
        pixels = np.frombuffer(pixel_bytes, np.uint8, frames * row, start * row).reshape(
            frames, 3, height, width
        )
        sums = np.frombuffer(sum_bytes, np.uint32, frames, start * 4)
        if any(zlib.crc32(frame.data) != expected for frame, expected in zip(pixels, sums, strict=True)):
            raise DataError(
                f"decoded frames of the file {sha256[:12]} are damaged on the disk",
                remedy="delete the folder `shards` of the cache, and they are decoded again",
            )
        return pixels


def open_shards(
    videos: Sequence[Video],
    folder: Path,
    spec: Spec,
    *,
    cache: Path | None = None,
    readers: Readers | None = None,
    progress: Progress | None = None,
) -> Shards:
    """Open the shards of these videos; missing ones are decoded first.

    Processes that open the same shards at once do the work once, and an interrupted build is resumed.

    Args:
        videos: usable videos, in the catalog's order.
        folder: the folder that their paths are relative to.
        spec: specification with the size of stored frames.
        cache: cache folder; the user's own by default.
        readers: the reader processes.
        progress: called after each decoded video.

    Raises:
        DiskFull: the shards do not fit on the disk.
        DataError: a shard is damaged, or the videos to be decoded are missing or have no mask videos.
    """
    shards = _layout(videos, spec, cache)
    if _missing(shards):
        home = next(iter(shards)).parent
        with locked(home.with_suffix(".lock")):
            if missing := _missing(shards):
                _build(missing, folder, spec, readers or Readers(), progress)
    batches: dict[str, tuple[pa.RecordBatchFileReader, int]] = {}
    quarantined: dict[str, str] = {}
    for name in shards:
        reader = _open(name)
        content = json.loads(reader.schema.metadata[b"videos"])
        batches |= {sha256: (reader, number) for number, sha256 in enumerate(content["decoded"])}
        quarantined |= content["quarantined"]
    return Shards(spec.stored, batches, quarantined)


def bytes_to_decode(videos: Sequence[Video], spec: Spec, cache: Path | None = None) -> int:
    """Number of bytes that `open_shards` still has to write."""
    missing = _missing(_layout(videos, spec, cache)).values()
    return sum(video.frames for content in missing for video in content) * spec.frame_bytes


def _layout(videos: Sequence[Video], spec: Spec, cache: Path | None) -> dict[Path, list[Video]]:
    """Videos of each shard, by the path of the shard."""
    unique = tuple({video.sha256: video for video in videos}.values())
    shards = list(_partitions(unique, spec))
    identity: dict[str, object] = {
        "videos": [v.sha256 for v in unique],
        "size": spec.stored,
        "crop": spec.crop,
        "resize": resize_of(spec),
    }
    if isinstance(spec, FaceSpec):
        identity |= {"faces": FACES, "smooth": spec.smooth}
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    home = cache_folder(cache) / "shards" / key
    return {home / f"{number:05}-of-{len(shards):05}.arrow": own for number, own in enumerate(shards)}


def _missing(shards: Mapping[Path, Sequence[Video]]) -> dict[Path, Sequence[Video]]:
    return {name: videos for name, videos in shards.items() if not name.is_file()}


def _partitions(videos: Sequence[Video], spec: Spec) -> Iterator[list[Video]]:
    """Videos of each shard in turn: a function of the videos alone."""
    partition: list[Video] = []
    frames = 0
    for video in videos:
        partition.append(video)
        frames += video.frames
        if frames * spec.frame_bytes >= SHARD:
            yield partition
            partition, frames = [], 0
    if partition:
        yield partition


def _open(path: Path) -> pa.RecordBatchFileReader:
    try:
        return pa.ipc.open_file(pa.memory_map(str(path)))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"the shard {path} is damaged ({error})", remedy="delete it, and it is made again"
        ) from error


def _build(
    missing: Mapping[Path, Sequence[Video]],
    folder: Path,
    spec: Spec,
    readers: Readers,
    progress: Progress | None,
) -> None:
    """Decode each video into a file of its own, and join the files of a shard as soon as all are there."""
    if not folder.is_dir():
        width, height = spec.stored
        raise DataError(
            f"frames of {width}×{height} (crop {spec.crop}) have not been decoded, and the files are no longer in "
            f"{folder}",
            remedy=f"run `retable data prepare` with --size {spec.size} where they are",
        )
    home = next(iter(missing)).parent
    home.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    videos = [video for content in missing.values() for video in content]
    needed = sum(video.frames for video in videos) * spec.frame_bytes
    with (
        room_for(needed + min(needed, SHARD), home),
        # A reader on another machine may still be writing when this ends early.
        tempfile.TemporaryDirectory(prefix="building-", dir=home, ignore_cleanup_errors=True) as scratch,
    ):
        requests = [_request(video, folder, Path(scratch), spec) for video in videos]
        shard_of = {video.sha256: name for name, content in missing.items() for video in content}
        left = {name: len(content) for name, content in missing.items()}
        quarantined: dict[str, str] = {}
        for done, (number, answer) in enumerate(readers.answers(requests), 1):
            video = videos[number]
            if reason := _failure(video, answer):
                quarantined[video.sha256] = reason
            name = shard_of[video.sha256]
            left[name] -= 1
            if not left[name]:
                _join(name, missing[name], Path(scratch), quarantined, frames_schema(spec.frame_bytes))
            if progress:
                progress(done, len(videos))
    _sweep(home)


def _sweep(home: Path) -> None:
    """Remove old files of killed builds. Where locks don't work, another build may be running."""
    for rest in home.glob("building-*"):
        if time.time() - rest.stat().st_mtime > STALE:
            shutil.rmtree(rest, ignore_errors=True)


def _request(video: Video, folder: Path, scratch: Path, spec: Spec) -> Request:
    if isinstance(spec, ImageSpec):
        return {
            "task": "decode image",
            "path": str(folder / video.path),
            "out": str(scratch / video.sha256),
            "size": spec.size,
            "square": spec.crop == "square",
        }
    request: Request = {
        "task": "decode",
        "path": str(folder / video.path),
        "out": str(scratch / video.sha256),
        "decoder": video.decoder,
        "width": spec.stored[0],
        "height": spec.stored[1],
        "square": spec.crop == "paper",
    }
    if not isinstance(spec, FaceSpec):
        return request
    if video.mask is None:
        raise DataError(
            f"faces are found with mask videos, and {video.path} has none",
            remedy="use a ClipSpec for this set",
        )
    return {**request, "mask": str(folder / video.mask), "smooth": spec.smooth}


def _failure(video: Video, answer: Mapping[str, object]) -> str | None:
    """Reason for the quarantine of a video, or None. A full disk is no reason.

    Raises:
        OSError: the disk is full.
    """
    if "error" not in answer:
        same = answer["frames"] == video.frames
        return None if same else f"{answer['frames']} frames were decoded, but {video.frames} counted"
    if answer.get("errno") in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(answer["errno"], answer["error"])
    return str(answer["error"])


def _join(
    name: Path, videos: Sequence[Video], scratch: Path, quarantined: Mapping[str, str], schema: pa.Schema
) -> None:
    content = {
        "decoded": [v.sha256 for v in videos if v.sha256 not in quarantined],
        "quarantined": {v.sha256: quarantined[v.sha256] for v in videos if v.sha256 in quarantined},
    }
    schema = schema.with_metadata({"videos": json.dumps(content)})
    with (
        replacing(name) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        for sha256 in content["decoded"]:
            with pa.memory_map(str(scratch / sha256)) as decoded:
                writer.write_batch(pa.ipc.open_file(decoded).get_batch(0))
            os.unlink(scratch / sha256)
