"""Kinds of figures: films, sheets of stills, and measured curves. A family gives arrays; they are drawn here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retable.io.files import write_text
from retable.io.media import Pixels, grid_mp4, strip_png
from retable.report.plots.lines import LinePanel, draw_lines, tidy

FPS = 15
"""Frames a second, as the TGANv2 authors' previews."""


@dataclass(frozen=True)
class Film:
    """Clips that play side by side.

    Attributes:
        clips: uint8 (N, T, C, H, W), row by row.
        columns: clips in a row.
        rows: text before each row; none by default.
    """

    name: str
    caption: str
    clips: Pixels
    columns: int
    rows: Sequence[str] = ()

    def write(self, folder: Path, stamp: str = "") -> list[Path]:
        path = folder / f"{self.name}.mp4"
        grid_mp4(self.clips, path, fps=FPS, columns=self.columns, rows=self.rows)
        return [path]


@dataclass(frozen=True)
class Sheet:
    """Stills in rows and columns, with the caption below them.

    Attributes:
        stills: uint8 (rows, columns, C, H, W).
        rows: text before each row; none by default.
    """

    name: str
    caption: str
    stills: Pixels
    rows: Sequence[str] = ()

    def write(self, folder: Path, stamp: str = "") -> list[Path]:
        path = folder / f"{self.name}.png"
        strip_png(self.stills, path, rows=self.rows, below=f"{self.caption} {stamp}".strip())
        return [path]


@dataclass(frozen=True)
class Curves:
    """Means over samples with their intervals, as a plot (PNG, SVG) and as numbers (CSV)."""

    name: str
    caption: str
    panels: Sequence[LinePanel]

    def write(self, folder: Path, stamp: str = "") -> list[Path]:
        table = folder / f"{self.name}.csv"
        write_text(table, tidy(self.panels))
        return [*draw_lines(self.panels, folder / self.name, f"{self.caption} {stamp}".strip()), table]
