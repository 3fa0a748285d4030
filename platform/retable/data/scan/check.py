"""`retable data check`: what is wrong with a data set, and would training start on it."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from retable.data.decode.pool import Progress, Readers
from retable.data.scan.catalog import Catalog, Video, scan


@dataclass(frozen=True)
class Report:
    """What is wrong with a data set.

    Attributes:
        bad: videos that can't be used.
        noted: files that can, of which something is to be known.
        refusal: why training would not start, or None.
    """

    catalog: Catalog
    bad: tuple[Video, ...]
    noted: tuple[Video, ...]
    refusal: str | None

    @property
    def summary(self) -> str:
        """The outcome in a few sentences."""
        total, bad, noted = len(self.catalog.videos), len(self.bad), len(self.noted)
        files = f"{total} {self.catalog.kind}{'s' * (total != 1)}"
        classes = f"{len(self.catalog.classes)} class{'es' * (len(self.catalog.classes) != 1)}"
        sentences = [
            f"{files} of {classes}: {total - bad} can be used, {bad} can't.",
            f"{noted} are read with PyAV." if self.catalog.kind == "video" else "",
            f"Fingerprint {self.catalog.fingerprint}.",
        ]
        if self.refusal:
            sentences.append(f"Training would not start: {self.refusal}.")
        elif bad:
            sentences.append("Training skips what can't be used.")
        return " ".join(filter(None, sentences))


def check(
    root: Path,
    *,
    frames: int = 16,
    size: int = 1,
    fold: int = 1,
    cache: Path | None = None,
    readers: Readers | None = None,
    progress: Progress | None = None,
) -> Report:
    """Scan a data set and list what is wrong with it. Takes and raises what `scan` does."""
    return reported(
        scan(root, frames=frames, size=size, fold=fold, cache=cache, readers=readers, progress=progress)
    )


def reported(catalog: Catalog) -> Report:
    """What is wrong with a data set that has been scanned."""
    bad = tuple(v for v in catalog.videos if v.problem)
    noted = tuple(v for v in catalog.videos if v.note and not v.problem)
    return Report(catalog, bad, noted, catalog.refusal())


def rendered(report: Report, most: int | None = None) -> RenderableType:
    """The report: a line for each file that has a problem or a note, the summary below. `most` limits the lines."""
    summary = Text(report.summary)
    if not report.bad and not report.noted:
        return summary
    table = Table(title=Text(f"{report.catalog.root}"))
    for heading in ("file", "split", "problem", "detail"):
        table.add_column(heading, overflow="fold")
    for video in (*report.bad, *report.noted)[:most]:  # Text: a file's name may look like markup
        cells = (video.path, video.split, video.problem or "none", video.note or "")
        table.add_row(*map(Text, cells))
    return Group(table, summary)
