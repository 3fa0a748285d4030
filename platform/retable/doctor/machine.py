"""Checks of a machine: its Python version, free disk, shared memory and open files."""

import os
import resource
import shutil
from pathlib import Path

from retable.doctor.finding import Finding, failure, ok, warning

GB = 10**9

OLDEST, TESTED, NEWEST = (3, 11), (3, 11), (3, 13)
"""Python versions: the oldest that runs the code, the one it is tested on, and the newest that should run it."""

FEW_BYTES, SOME_BYTES = 2 * GB, 20 * GB
"""Free disk: below the first value a checkpoint may not fit, below the second a study may not."""

FULL_SHARE = 0.95
"""Used share of a disk above which Ray refuses to create objects on it."""

SMALL_SHARED, ENOUGH_SHARED = 128 * 2**20, 2 * GB
"""Shared memory: containers have 64 MiB by default, too little for Ray's objects and for NCCL."""

FEW_FILES, ENOUGH_FILES = 4_096, 65_536
"""Open files of a process: Ray raises its own limit to the hard limit, and wants 65,536 on a head."""


def python(version: tuple[int, int, int]) -> Finding:
    """Check that the code runs on this version of Python, such as (3, 11, 7)."""
    found = ".".join(map(str, version))
    if version[:2] < OLDEST:
        return failure("Python", found, f"install Python {_dotted(TESTED)}; it is what was tested")
    if version[:2] > NEWEST:
        return warning("Python", found, f"nothing was tried above {_dotted(NEWEST)}; use {_dotted(TESTED)}")
    return ok("Python", found)


def free_disk(
    what: str, folder: Path, *, least: int = FEW_BYTES, enough: int = SOME_BYTES, full: float | None = None
) -> Finding:
    """Check that a folder can be written and has room. The folder need not exist yet.

    Args:
        what: the folder's name in messages, such as ``results``.
        least: free bytes below which the finding is a failure.
        enough: free bytes below which the finding is a warning.
        full: used share of the disk above which the finding is a failure, whatever is free.
    """
    check = f"free disk, {what}"
    here = folder.absolute()
    while not here.exists():
        here = here.parent
    if not here.is_dir() or not os.access(here, os.W_OK | os.X_OK):
        return failure(check, f"{here} can't be written", f"give the user write access to it for {folder}")
    usage = shutil.disk_usage(here)
    used = 1 - usage.free / usage.total
    found = f"{usage.free / GB:.1f} GB free in {folder} ({used:.0%} in use)"
    if usage.free < least or (full is not None and used > full):
        needed = f"at least {least / GB:g} GB" + ("" if full is None else f" and {1 - full:.0%} of the disk")
        return failure(check, found, f"make room, {needed}, or choose a folder on another disk")
    if usage.free < enough:
        return warning(check, found, f"a study at the paper's size wants {enough / GB:g} GB")
    return ok(check, found)


def shared_memory(
    folder: Path = Path("/dev/shm"), *, least: int = SMALL_SHARED, enough: int = ENOUGH_SHARED
) -> Finding:
    """Check that there is shared memory for Ray's objects, and for workers of one node that exchange gradients.

    Args:
        least: total bytes below which the finding is a failure.
        enough: free bytes below which the finding is a warning.
    """
    if not folder.is_dir():
        return warning(
            "shared memory", f"{folder} does not exist", "Ray keeps its objects on the disk instead"
        )
    usage = shutil.disk_usage(folder)
    found = f"{usage.free / GB:.2f} of {usage.total / GB:.2f} GB free in {folder}"
    advice = (
        f"give it at least {enough / GB:g} GB: docker run --shm-size=8g, or mount -o remount,size=8g {folder}"
    )
    if usage.total < least:
        return failure("shared memory", found, advice)
    if usage.free < enough:
        return warning("shared memory", found, advice)
    return ok("shared memory", found)


def open_files(limits: tuple[int, int] | None = None) -> Finding:
    """Check that a process may open enough files.

    Args:
        limits: soft and hard limit; None for this process's. Ray itself raises the soft limit to the hard one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE) if limits is None else limits
    most = ENOUGH_FILES if hard == resource.RLIM_INFINITY else hard
    found = f"{soft:,} now, {'without limit' if hard == resource.RLIM_INFINITY else f'{hard:,}'} at most"
    advice = f"raise it to {ENOUGH_FILES}: `* hard nofile {ENOUGH_FILES}` in /etc/security/limits.conf, or docker run --ulimit"
    if most < FEW_FILES:
        return failure("open files", found, advice)
    if most < ENOUGH_FILES:
        return warning("open files", found, advice)
    return ok("open files", found)


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
