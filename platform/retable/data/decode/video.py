"""Decoding of video files to uint8 frames.

decord is the bulk decoder. PyAV reads the files in which the two differ in any frame. Without an error,
decord gives a trimmed file (edit list) the wrong length and repeats frames past its end, loses the first
group of pictures of an MPEG transport stream, and rotates a mirrored picture. On all other files that were
tried the two agree to the bit.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import decord
import numpy as np
from numpy.typing import NDArray

from retable.data.damage.containers import cut_short
from retable.data.damage.h264_ends import misplaced_ends
from retable.data.damage.strict import DETECT, errors_logged
from retable.data.decode.upright import display_matrix, is_mirrored, shown

Decoder = Literal["decord", "pyav"]
Frames = NDArray[np.uint8]

CHUNK = 64  # frames decoded at a time: bounds memory for long videos


class VideoProblem(Exception):
    """A file that can't be used as a video.

    Attributes:
        kind: the problem in a word or two; the message has the details.
        revision: 1 if it was accepted, and trained on, before decoding was strict; else 0.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.revision = 0


@dataclass(frozen=True)
class Probe:
    """Content of a video file: number of frames, width and height in pixels as displayed (after rotation).

    Attributes:
        note: the reason why PyAV has to read it, and the header's number of frames if that is another one.
        revision: 1 if the frames differ from those that were read when only shapes were compared; else 0.
    """

    frames: int
    width: int
    height: int
    decoder: Decoder
    note: str | None = None
    revision: int = 0


def probe(path: Path) -> Probe:
    """Decode the whole file once with PyAV, strictly, and compare each frame with decord's.

    Raises:
        VideoProblem: it is empty, cut short, not a video, of several sizes, or damaged: the decoder raised or
            logged an error, or marked a packet or a frame as corrupt, or pictures do not end where their data
            ends.
    """
    try:
        return _probed(path)
    except VideoProblem as problem:
        problem.revision = int(problem.kind not in ("empty", "not a video") and _was_accepted(path))
        raise


def _probed(path: Path) -> Probe:
    if path.stat().st_size == 0:
        raise VideoProblem("empty", "the file has 0 bytes")
    if cut_short(path):
        raise VideoProblem("truncated", "the file ends before its container says that it does")
    sums: list[int] = []
    shapes: set[tuple[int, ...]] = set()
    mirrored = False
    with errors_logged() as errors:
        try:
            for frame, pixels in _decoded(path):
                if frame.is_corrupt:
                    raise VideoProblem("damaged", f"the decoder marks frame {len(sums)} as corrupt")
                sums.append(_sum(pixels))
                shapes.add(pixels.shape)
                mirrored = mirrored or is_mirrored(display_matrix(frame))
        except VideoProblem:
            raise
        except Exception as error:  # the decoder raises any type; each means a bad file
            kind = "damaged" if sums else "not a video"
            raise VideoProblem(kind, f"{type(error).__name__} after {len(sums)} frames") from error
    if not sums:
        raise VideoProblem("not a video", "no frame could be decoded")
    if errors:
        raise VideoProblem("damaged", f"the decoder says: {errors[0]}")
    if len(shapes) > 1:
        sizes = ", ".join(f"{width} × {height}" for height, width, _ in sorted(shapes))
        raise VideoProblem("of several sizes", f"frames are of {sizes}; cut the file where they change")
    ((height, width, _),) = shapes
    if misplaced := misplaced_ends(path):
        raise VideoProblem("damaged", f"{misplaced} of {len(sums)} pictures do not end where their data ends")
    reason, same_shape = _disagreement(path, sums, width, height)
    revision = int(bool(reason) and (same_shape or mirrored))
    note = "; ".join(filter(None, (reason, _miscounted(path, len(sums))))) or None
    return Probe(len(sums), width, height, "pyav" if reason else "decord", note, revision)


def _was_accepted(path: Path) -> bool:
    """True if a file that has a problem was accepted before decoding was strict."""
    if cut_short(path, early=True):
        return False
    try:
        return sum(1 for _ in _decoded(path, strict=False)) > 0
    except Exception:  # noqa: BLE001 - any error was a problem then too
        return False


def declared_frames(path: Path) -> int:
    """Number of frames by the file's header, without decoding; 0 if it is not stated."""
    with av.open(str(path)) as container:
        if not container.streams.video:
            return 0
        stream = container.streams.video[0]
        if stream.frames:
            return int(stream.frames)
        seconds = (container.duration or 0) / av.time_base
        return int(seconds * (stream.average_rate or 0))


def _miscounted(path: Path, frames: int) -> str | None:
    """Note that a file's header declares another number of frames than were decoded, or None."""
    with av.open(str(path)) as container:
        stated = container.streams.video[0].frames
    return (
        f"its header declares {stated} frames, and {frames} can be decoded"
        if stated not in (0, frames)
        else None
    )


def chunks(path: Path, decoder: Decoder = "decord") -> Iterator[Frames]:
    """Frames of a file in order, uint8 (n, H, W, 3) RGB, at most `CHUNK` at a time."""
    return _decord_chunks(path) if decoder == "decord" else _pyav_chunks(path)


def read(path: Path, decoder: Decoder = "decord") -> Frames:
    """All frames of a file: uint8 (T, H, W, 3) RGB."""
    return np.concatenate(list(chunks(path, decoder)))


def _decord_chunks(path: Path) -> Iterator[Frames]:
    reader = decord.VideoReader(str(path), num_threads=1)
    for start in range(0, len(reader), CHUNK):
        yield reader.get_batch(range(start, min(start + CHUNK, len(reader)))).asnumpy()


def _pyav_chunks(path: Path) -> Iterator[Frames]:
    chunk: list[Frames] = []
    for _, pixels in _decoded(path):
        chunk.append(pixels)
        if len(chunk) == CHUNK:
            yield np.stack(chunk)
            chunk = []
    if chunk:
        yield np.stack(chunk)


def _decoded(path: Path, *, strict: bool = True) -> Iterator[tuple[av.VideoFrame, Frames]]:
    """Frames of PyAV with their pixels (H, W, 3) as displayed. If strict, errors are not concealed."""
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise VideoProblem("not a video", "the file has no video stream")
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        if strict:
            stream.codec_context.options = {"err_detect": DETECT}
        for packet in container.demux(stream):
            if strict and packet.is_corrupt:
                raise VideoProblem("damaged", f"the packet at {packet.pts} is marked as corrupt")
            for frame in packet.decode():
                yield frame, shown(frame.to_ndarray(format="rgb24"), display_matrix(frame))


def _disagreement(path: Path, sums: Sequence[int], width: int, height: int) -> tuple[str | None, bool]:
    """Reason for reading a file with PyAV, or None; and True if decord reads as many frames of that size.

    A file that only decord can't read is accepted too.
    """
    shape = (len(sums), height, width, 3)
    same_shape = False
    try:
        reader = decord.VideoReader(str(path), num_threads=1)
        seen = (len(reader), *reader[0].shape)
        # decord 0.6 takes some narrow frames (72 pixels, say) for four-channel ones.
        if seen != shape:
            return f"(frames, height, width, channels) is {shape} to PyAV and {seen} to decord", False
        same_shape = True
        del reader
        others = [_sum(frame) for chunk in _decord_chunks(path) for frame in chunk]
    except (decord.DECORDError, RuntimeError) as error:
        return f"decord can't read it ({type(error).__name__})", same_shape
    differing = [number for number, (one, other) in enumerate(zip(sums, others, strict=True)) if one != other]
    if differing:
        return (
            f"decord shows {len(differing)} of {len(sums)} frames otherwise, from frame {differing[0]} on",
            True,
        )
    return None, True


def _sum(pixels: Frames) -> int:
    return zlib.crc32(np.ascontiguousarray(pixels).data)
