"""FFmpeg's own word for what it trips over: what its decoders and demuxers log as an error."""

from collections.abc import Iterator
from contextlib import contextmanager

import av.logging

DETECT = "crccheck+bitstream+buffer+explode+aggressive"
"""FFmpeg's ``err_detect``: look closely, and raise instead of concealing."""

OTHERS = ("swscaler", "aac", "mp3", "mp3float", "ac3", "eac3", "opus", "vorbis", "flac", "mov_text", "subrip")
"""Who logs errors that are not about pictures: converters, sound and subtitles, which are probed when a file is opened."""


@contextmanager
def errors_logged() -> Iterator[list[str]]:
    """The errors that FFmpeg logs about pictures within the block, one line each; filled when the block ends.

    The log is one for the whole process: for a reader, which does one thing at a time.
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
