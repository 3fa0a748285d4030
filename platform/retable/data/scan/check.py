"""`retable data check`: report of a data set's content and problems, with the verdict on training."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from retable.data.decode.pool import Progress, Readers
from retable.data.scan.catalog import Catalog, Video, scan
from retable.data.scan.checksums import Comparison, compare
from retable.data.scan.leaks import leaks
from retable.data.scan.left_out import left_out


@dataclass(frozen=True)
class Report:
    """Problems of a data set.

    Attributes:
        bad: files that can't be used, and those that differ from a list of checksums.
        noted: usable files with a note.
        refusal: the reason why training would not start, or None.
        compared: comparison with a list of checksums; None without one.
        leaked: files of other splits whose content is trained on; the note names the training file.
        left_out: entries of the folder that are not part of the data set, a line for each kind.
    """

    catalog: Catalog
    bad: tuple[Video, ...]
    noted: tuple[Video, ...]
    refusal: str | None
    compared: Comparison | None = None
    leaked: tuple[Video, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True if training would start and no file differs from the list of checksums."""
        return self.refusal is None and not (self.compared and self.compared.different)

    @property
    def summary(self) -> str:
        """Outcome in a few sentences."""
        total, bad = len(self.catalog.videos), len(self.bad)
        by_pyav = sum(v.decoder == "pyav" and not v.problem for v in self.catalog.videos)
        files = f"{total} {self.catalog.kind}{'s' * (total != 1)}"
        classes = f"{len(self.catalog.classes)} class{'es' * (len(self.catalog.classes) != 1)}"
        sentences = [
            f"{files} of {classes}: {total - bad} can be used, {bad} can't.",
            f"{by_pyav} are read with PyAV." if self.catalog.kind == "video" else "",
            f"Fingerprint {self.catalog.fingerprint}.",
            self.compared.summary if self.compared else "",
            self._leaks,
        ]
        if self.refusal:
            sentences.append(f"Training would not start: {self.refusal}.")
        elif any(v.problem for v in self.catalog.videos):
            sentences.append("Training skips what can't be used.")
        return " ".join(filter(None, sentences))

    @property
    def _leaks(self) -> str:
        if not self.leaked:
            return ""
        number = len(self.leaked)
        files = f"{number} tested {self.catalog.kind}{' is' if number == 1 else 's are'}"
        return f"{files} trained on too: take equal files out of one of the splits, or tests tell too much."


def check(
    root: Path,
    *,
    frames: int = 16,
    size: int = 1,
    fold: int = 1,
    cache: Path | None = None,
    readers: Readers | None = None,
    progress: Progress | None = None,
    checksums: Path | None = None,
) -> Report:
    """Scan a data set and report its problems. Arguments and errors as in `scan`.

    Args:
        checksums: a list of the files' expected checksums, as sha256sum or md5sum writes it.
    """
    catalog = scan(root, frames=frames, size=size, fold=fold, cache=cache, readers=readers, progress=progress)
    return build_report(catalog, compare(catalog, checksums, readers or Readers()) if checksums else None)


def build_report(catalog: Catalog, compared: Comparison | None = None) -> Report:
    """Report of a data set that has been scanned, and optionally compared with a list of checksums."""
    different = compared.different if compared else ()
    known = {video.path for video in different}
    bad = (*(v for v in catalog.videos if v.problem and v.path not in known), *different)
    noted = tuple(v for v in catalog.videos if v.note and not v.problem and v.path not in known)
    named = [path for v in catalog.videos for path in (v.path, v.mask) if path]
    return Report(
        catalog,
        bad,
        noted,
        catalog.refusal(),
        compared,
        leaks(catalog.videos),
        () if catalog.prepared else left_out(catalog.folder, named, catalog.kind),
    )


def rendered(report: Report, most: int | None = None) -> RenderableType:
    """Render a report: classes and splits, files with a problem or a note, entries left out, summary.

    `most` limits the lines of each table.
    """
    parts: list[RenderableType] = [_classes(report.catalog, most)]
    if report.catalog.splits:
        parts.append(Text(f"Splits: {report.catalog.splits}."))
    files = (*report.bad, *report.noted, *report.leaked)
    if files:
        table = Table(title=Text(f"{report.catalog.root}"))
        for heading in ("file", "split", "problem", "detail"):
            table.add_column(heading, overflow="fold")
        for video in files[:most]:  # Text: a file's name may look like markup
            cells = (video.path, video.split, video.problem or "none", video.note or "")
            table.add_row(*map(Text, cells))
        parts.append(table)
    parts += [Text(f"Left out: {line}.") for line in report.left_out]
    return Group(*parts, Text(report.summary))


def _classes(catalog: Catalog, most: int | None) -> Table:
    """Table of the number of files, and of bad ones, of each class in each split."""
    splits = list(dict.fromkeys(("train", "test", *sorted({video.split for video in catalog.videos}))))
    if not any(video.split == "test" for video in catalog.videos) and len(splits) > 2:
        splits.remove("test")
    table = Table(title=Text(f"{catalog.kind}s by class and split"), title_justify="left")
    table.add_column("class", overflow="fold")
    for split in splits:
        table.add_column(split, justify="right")
    for row in list(_rows(catalog, splits))[:most]:
        table.add_row(*map(Text, row))
    if most is not None and len(catalog.classes) > most:
        table.caption = f"and {len(catalog.classes) - most:,} more classes"
    table.show_footer = True
    for column, split in zip(table.columns[1:], splits, strict=True):
        column.footer = f"{sum(video.split == split for video in catalog.videos):,}"
    table.columns[0].footer = "all"
    return table


def _rows(catalog: Catalog, splits: list[str]) -> Iterator[list[str]]:
    """Cells of each class, such as ``1,204 (3 bad)``; files of no class last."""
    counts = Counter((video.label, video.split) for video in catalog.videos)
    bad = Counter((video.label, video.split) for video in catalog.videos if video.problem)
    names: list[tuple[int | None, str]] = list(enumerate(catalog.classes))
    if any(video.label is None for video in catalog.videos):
        names.append((None, "of no class"))
    for label, name in names:
        cells = (
            f"{counts[label, split]:,}" + (f" ({bad[label, split]:,} bad)" if bad[label, split] else "")
            for split in splits
        )
        yield [name, *cells]
