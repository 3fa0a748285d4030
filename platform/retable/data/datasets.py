"""Folders of data sets by name on this machine. A path is never part of a trial's identity."""

import os
from collections.abc import Callable
from pathlib import Path

from retable.errors import RetableError

EMBEDDED = "embedded"
EMBEDDED_IMAGES = "embedded_images"


class NoDataError(RetableError, FileNotFoundError):
    """A data set is not where it should be."""


def locate(name: str, given: Path | None = None, progress: Callable[[int, int], None] | None = None) -> Path:
    """Root folder of a data set; the embedded ones are rendered on first use.

    Args:
        name: ``embedded`` (videos), ``embedded_images``, or one that the user provides, such as ``ucf101``.
        given: a folder that the user named; it takes precedence.
        progress: called with (files rendered, files in all).

    Raises:
        NoDataError: the folder is not there, or nobody said where the data set is.
    """
    named = _named(name, given)
    if named is not None:
        return named
    if name == EMBEDDED:
        from retable.data.embedded.clips import ensure_embedded

        return ensure_embedded(progress=progress)
    if name == EMBEDDED_IMAGES:
        from retable.data.embedded.images import ensure_embedded_images

        return ensure_embedded_images(progress=progress)
    raise NoDataError(
        f"this scale reads the data set {name}, and nobody said where it is",
        remedy=f"say where it is with --data DIR or {_variable(name)}=DIR",
    )


def here(name: str, given: Path | None = None) -> Path | None:
    """Root folder of a data set that is on this machine already, or None. Renders nothing.

    Raises:
        NoDataError: the folder that the user named is not there.
    """
    from retable.data.embedded.clips import rendered_before
    from retable.data.embedded.images import images_rendered_before

    if named := _named(name, given):
        return named
    if name == EMBEDDED:
        return rendered_before()
    return images_rendered_before() if name == EMBEDDED_IMAGES else None


def _named(name: str, given: Path | None) -> Path | None:
    """Folder that the user named by option or environment variable; None if there is none."""
    if given is None and _variable(name) in os.environ:
        given = Path(os.environ[_variable(name)])
    if given is not None and not given.is_dir():
        raise NoDataError(
            f"the data set {name} should be at {given}, but that is no folder",
            remedy=f"name its folder with --data DIR or {_variable(name)}=DIR",
        )
    return given


def _variable(name: str) -> str:
    return f"RETABLE_{name.upper()}"
