"""Strict decoding with FFmpeg: its error detection, and the errors that decoders and demuxers log."""

from collections.abc import Iterator
from contextlib import contextmanager

import av.logging

DETECT = "crccheck+bitstream+buffer+explode+aggressive"
"""Value of FFmpeg's ``err_detect``: thorough checks, errors instead of concealment."""

OTHERS = ("swscaler", "aac", "mp3", "mp3float", "ac3", "eac3", "opus", "vorbis", "flac", "mov_text", "subrip")
"""Components whose errors are not about pictures: converters, and decoders of sound and subtitles."""


@contextmanager
def errors_logged() -> Iterator[list[str]]:
    """Collect the errors that FFmpeg logs about pictures within the block.

    The list is filled when the block ends. FFmpeg's log is shared by the whole process: call this in a
    reader, which does one thing at a time.
    """
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    errors: list[str] = []
    try:
        with av.logging.Capture(local=False) as lines:
            yield errors
    finally:
        av.logging.set_level(before)
        errors += [
            f"{name}: {message.strip()}"
            for level, name, message in lines
            if level <= av.logging.ERROR and name not in OTHERS
        ]
