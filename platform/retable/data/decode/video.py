"""A video file -> uint8 frames.

decord is the bulk decoder. PyAV reads the files on which the two disagree: decord gives a trimmed file (edit list) the
wrong length and repeats frames past its end without a word. On others they were seen to agree to the bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import decord
import numpy as np
from numpy.typing import NDArray

Decoder = Literal["decord", "pyav"]
Frames = NDArray[np.uint8]

CHUNK = 64  # frames decoded at a time: bounds memory for long videos


class VideoProblem(Exception):
    """A file that can't be used as a video: `kind` in a word or two, the message in more."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Probe:
    """What a file holds: frames, and their width and height in pixels as shown (after rotation)."""

    frames: int
    width: int
    height: int
    decoder: Decoder
    note: str | None = None


def probe(path: Path) -> Probe:
    """Decode the whole file once with PyAV and compare with what decord makes of it.

    Raises:
        VideoProblem: it is empty, cut short, no video, or damaged.
    """
    if path.stat().st_size == 0:
        raise VideoProblem("empty", "the file has 0 bytes")
    if cut_short(path):
        raise VideoProblem("truncated", "the file ends before its container says that it does")
    frames, width, height = 0, 0, 0
    try:
        for chunk in _pyav_chunks(path):
            frames += len(chunk)
            height, width = chunk.shape[1:3]
    except (av.FFmpegError, ValueError) as error:
        kind = "damaged" if frames else "not a video"
        raise VideoProblem(kind, f"{type(error).__name__} after {frames} frames") from error
    if not frames:
        raise VideoProblem("not a video", "no frame could be decoded")
    note = _disagreement(path, frames, width, height)
    return Probe(frames, width, height, "pyav" if note else "decord", note)


def declared_frames(path: Path) -> int:
    """Frames by the word of the file's header, which costs no decoding; 0 if it says nothing."""
    with av.open(str(path)) as container:
        if not container.streams.video:
            return 0
        stream = container.streams.video[0]
        if stream.frames:
            return int(stream.frames)
        seconds = (container.duration or 0) / av.time_base
        return int(seconds * (stream.average_rate or 0))


def cut_short(path: Path) -> bool:
    """Whether an mp4 or AVI file is shorter than its outermost boxes declare."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF":
            declared = int.from_bytes(head[4:8], "little")
            return declared != 0xFFFFFFFF and declared + 8 > size
        if head[4:8] != b"ftyp":
            return False
        start, boxes = 0, set()
        while start + 8 <= size:
            file.seek(start)
            head = file.read(16)
            boxes.add(head[4:8])
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            elif length == 0:  # to the end of the file
                length = size - start
            if length < 8:
                return True
            start += length
        return start != size or b"moov" not in boxes


def chunks(path: Path, decoder: Decoder = "decord") -> Iterator[Frames]:
    """The file's frames in order, uint8 (n, H, W, 3) RGB, at most `CHUNK` at a time."""
    return _decord_chunks(path) if decoder == "decord" else _pyav_chunks(path)


def read(path: Path, decoder: Decoder = "decord") -> Frames:
    """All frames of a file: uint8 (T, H, W, 3) RGB."""
    return np.concatenate(list(chunks(path, decoder)))


def _decord_chunks(path: Path) -> Iterator[Frames]:
    reader = decord.VideoReader(str(path), num_threads=1)
    for start in range(0, len(reader), CHUNK):
        yield reader.get_batch(range(start, min(start + CHUNK, len(reader)))).asnumpy()


def _pyav_chunks(path: Path) -> Iterator[Frames]:
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise VideoProblem("not a video", "the file has no video stream")
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        chunk: list[Frames] = []
        for frame in container.decode(stream):
            pixels = frame.to_ndarray(format="rgb24")
            chunk.append(np.rot90(pixels, frame.rotation // 90))
            if len(chunk) == CHUNK:
                yield np.stack(chunk)
                chunk = []
        if chunk:
            yield np.stack(chunk)


def _disagreement(path: Path, frames: int, width: int, height: int) -> str | None:
    """Why PyAV should read this file, or None. A file that only decord can't open is no problem either."""
    try:
        reader = decord.VideoReader(str(path), num_threads=1)
        seen = (len(reader), *reader[0].shape)
    except (decord.DECORDError, RuntimeError) as error:
        return f"decord can't read it ({type(error).__name__})"
    # decord 0.6 takes some narrow frames (72 pixels, say) for four-channel ones.
    if seen != (frames, height, width, 3):
        return (
            f"(frames, height, width, channels) is {(frames, height, width, 3)} to PyAV and {seen} to decord"
        )
    return None
