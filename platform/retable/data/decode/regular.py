"""Opening of regular files only: a pipe blocks its reader for ever, and a device may never end."""

import io
import os
import stat
from pathlib import Path


class NotRegularError(OSError):
    """A path leads to a folder, a pipe, a socket or a device."""


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading, through links; never blocks.

    Raises:
        NotRegularError: the path is not a regular file.
        OSError: it can't be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise NotRegularError(f"{path} is {kind_of(mode)} and no regular file")
    return open(descriptor, "rb")


def kind_of(mode: int) -> str:
    """Name of the kind of a path that is not a regular file, by its ``st_mode``."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")
