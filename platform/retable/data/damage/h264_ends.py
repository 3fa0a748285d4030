"""Whether H.264 pictures end where their data ends.

A damaged slice that is coded arithmetically decodes to other macroblocks without an error: FFmpeg stops at the last one of
the picture and does not look whether the slice says so too. This makes it look: it decodes the file once more as if its
pictures were one row of macroblocks taller. A sound slice still ends after its own last macroblock, and exactly the row
that is not there is missing; a damaged one goes on into that row, or ends before it.
"""

import re
from pathlib import Path

import av
import av.logging

from retable.data.damage.h264_taller import Taller, UnknownStreamError

CONCEALED = re.compile(r"concealing (\d+) DC, (\d+) AC, (\d+) MV errors in . frame")
"""What FFmpeg logs of a picture in which macroblocks are missing."""


def misplaced_ends(path: Path) -> int:
    """How many pictures of a file do not end where their data ends; 0 also if that can't be known.

    It can be known of H.264 whose pictures are whole frames and whose parameters have no scaling lists. The log is one
    for the whole process: for a reader, which does one thing at a time.
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
    """The header of a stream and its packets with pictures, as if these were taller."""
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
    """The lines that FFmpeg logs while it decodes."""
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
                except av.FFmpegError:  # its picture is none of the sound ones
                    continue
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skipping)
    return [message for _, _, message in lines]
