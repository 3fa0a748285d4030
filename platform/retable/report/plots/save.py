"""Writing of a figure as PNG and SVG; equal figures give equal files."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from retable.io.files import replacing

_DATE = {".png": "Creation Time", ".svg": "Date"}
"""Metadata key of the creation time in each format; the time is left out."""


def save_figure(figure: Figure, path: Path) -> tuple[Path, Path]:
    """Write the figure atomically, to `path`.png and `path`.svg.

    Raises:
        OSError: the folder cannot be written.
    """
    written = path.with_name(f"{path.name}.png"), path.with_name(f"{path.name}.svg")
    with rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none"}):
        for file in written:
            with replacing(file) as temporary:
                figure.savefig(
                    temporary, format=file.suffix[1:], dpi=150, metadata={_DATE[file.suffix]: None}
                )
    return written
