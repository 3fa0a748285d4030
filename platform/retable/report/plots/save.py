"""A figure as PNG and SVG; the same figure gives the same files."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from retable.io.files import replacing

_DATE = {".png": "Creation Time", ".svg": "Date"}
"""What either format calls the time of drawing, which is left out."""


def save_figure(figure: Figure, path: Path) -> tuple[Path, Path]:
    """Write the figure whole, to `path`.png and `path`.svg.

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
