"""Detection of H.264 pictures that do not end where their data ends.

A damaged slice that is coded arithmetically decodes to other macroblocks without an error: FFmpeg stops at
the last macroblock of the picture and does not check that the slice ends there. To check it, this module
decodes the file again as if its pictures were one row of macroblocks taller. A sound slice still ends after
its own last macroblock, so that exactly the added row is missing; a damaged one continues into that row, or
ends before it.
"""

import re
from pathlib import Path

import av
import av.logging

from retable.data.damage.h264_taller import Taller, UnknownStreamError

CONCEALED = re.compile(r"concealing (\d+) DC, (\d+) AC, (\d+) MV errors in . frame")
"""Message of FFmpeg about a picture in which macroblocks are missing."""


def misplaced_ends(path: Path) -> int:
    """Number of pictures that do not end where their data ends; 0 also if that can't be determined.

    It can be determined for H.264 whose pictures are whole frames and whose parameters have no scaling lists.
    FFmpeg's log is shared by the whole process: call this in a reader, which does one thing at a time.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name != "h264":
            return 0
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        extra = bytes(stream.codec_context.extradata or b"")
    taller = Taller()
    try:
        header, pictures = _taller(taller, extra, packets)
    except UnknownStreamError:
        return 0
    row = (str(taller.columns),) * 3
    sound = sum(match.groups() == row for match in map(CONCEALED.match, _log(header, pictures)) if match)
    return max(len(pictures) - sound, 0)


def _taller(taller: Taller, extra: bytes, packets: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Header of a stream and its packets with pictures, rewritten for taller pictures."""
    boxed = extra[:1] == b"\x01"  # mp4 and Matroska put lengths before NAL units, others start codes
    header = taller.header(extra) if boxed else taller.marked(extra)
    pictures: list[bytes] = []
    left = b""
    for packet in packets:
        before = taller.slices
        left += taller.boxed(packet, (extra[4] & 3) + 1) if boxed else taller.marked(packet)
        if taller.slices > before:
            pictures.append(left)
            left = b""
    return header, pictures


def _log(header: bytes, packets: list[bytes]) -> list[str]:
    """Lines that FFmpeg logs while it decodes."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = header
    decoder.thread_count = 1
    level, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture(local=False) as lines:
            for packet in [*map(av.Packet, packets), None]:
                try:
                    decoder.decode(packet)
                except av.FFmpegError:  # its picture does not count as sound
                    continue
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skipping)
    return [message for _, _, message in lines]
