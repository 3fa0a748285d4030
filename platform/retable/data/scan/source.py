"""Downloaded data sets, and the checks of one before any file is decoded."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from retable.data.decode.errors import DataError
from retable.data.decode.lmdb import on_disk
from retable.data.decode.pool import Readers
from retable.data.scan.catalog import build_catalog
from retable.data.scan.faceforensics import read_faceforensics
from retable.data.scan.image_folders import BY_CONTENT, read_images
from retable.data.scan.probe import ProbeResult
from retable.data.scan.ucf101 import LISTS, Layout, read_layout


def _read_images(folder: Path) -> Layout:
    listed = any((folder / name / "classInd.txt").is_file() for name in LISTS)
    layout = read_layout(folder) if listed else read_images(folder)
    if layout.kind != "image":
        raise DataError(
            f"the lists of {folder} must name images, but name other files",
            remedy="prepare it as ucf101 if it is one of videos",
        )
    return layout


LAYOUTS: Mapping[str, Callable[[Path], Layout]] = {
    "ucf101": read_layout,
    "faceforensics": read_faceforensics,
    "images": _read_images,
}
WHOLE = {
    "ucf101": {"train": 9_537, "test": 3_783},
    "faceforensics": {"train": 704, "val": 150, "test": 150},
}
SAMPLE = 64  # number of headers that are read to estimate the frames of all files


@dataclass(frozen=True)
class Source:
    """A folder of UCF101 or FaceForensics in their own layouts, or of images.

    Attributes:
        name: ``ucf101``, ``faceforensics`` or ``images``.
        folder: nothing is written there.
    """

    name: str
    folder: Path

    @cached_property
    def layout(self) -> Layout:
        """Layout of the folder, from its lists.

        Raises:
            DataError: it is missing, or its lists can't be parsed.
        """
        if not self.folder.is_dir():
            raise DataError(
                f"--source must be the folder of {self.name}, but {self.folder} is no folder",
                remedy="name the folder with --source DIR",
            )
        return LAYOUTS[self.name](self.folder)

    def check(self, splits: tuple[str, ...], frames: int) -> str:
        """Check the lists and the presence of the listed files.

        Args:
            splits: the splits that must be listed.
            frames: number of frames of a clip.

        Returns:
            The numbers of listed files and of absent but tolerated ones, in a sentence or two.

        Raises:
            DataError: a split is not listed at all, or more files are absent than training tolerates.
        """
        listed = self.layout.listed
        counts = Counter(line.split for line in listed)
        if not splits:
            raise DataError(
                f"--splits must name some of {', '.join(counts)}, but names none", remedy="name one at least"
            )
        unlisted = [split for split in splits if split not in counts]
        if unlisted and BY_CONTENT not in counts:
            raise DataError(
                f"{self.folder} lists no {unlisted[0]} {self.layout.kind}s",
                remedy=f"its splits are {', '.join(counts) or 'none'}",
            )
        named = {path for line in listed for path in (line.path, line.mask) if path}
        absent = {path for path in named if not on_disk(self.layout.videos / path).is_file()}
        supposed = {
            path: ProbeResult(problem="missing", note="no such file")
            if path in absent
            else ProbeResult(frames=frames, width=1, height=1)
            for path in named
        }
        if refusal := build_catalog(self.folder, self.layout, supposed, frames).refusal():
            raise DataError(refusal + (f"; there is no {self.layout.videos / min(absent)}" if absent else ""))
        return self._summary(counts, len(absent))

    def frames(self, splits: tuple[str, ...], readers: Readers) -> int:
        """Estimated frames of these splits, from the headers of `SAMPLE` files; 0 if they don't state it."""
        lines = [line for line in self.layout.listed if line.split in (*splits, BY_CONTENT)]
        if self.layout.kind == "image":
            return len(lines)
        sample = lines[:: max(1, len(lines) // SAMPLE)]
        requests = [{"task": "count", "path": str(self.layout.videos / line.path)} for line in sample]
        answers = [answer.get("frames") for _, answer in readers.answers(requests)]
        counts = [count for count in answers if isinstance(count, int) and count > 0]
        return round(len(lines) * sum(counts) / len(counts)) if counts else 0

    def _summary(self, counts: Mapping[str, int], absent: int) -> str:
        if self.layout.kind == "image":
            text = f"{self.folder} has {sum(counts.values()):,} images"
            text += " in splits made by their content" if BY_CONTENT in counts else f": {_numbers(counts)}"
            return text + self._rest(absent)
        whole = WHOLE[self.name]
        text = f"The lists name {_numbers({split: counts.get(split, 0) for split in whole})} videos"
        if {split: counts.get(split, 0) for split in whole} != whole:
            text += f" (the whole of {self.name} has {_numbers(whole)})"
        return text + self._rest(absent)

    def _rest(self, absent: int) -> str:
        text = f", of {len(self.layout.classes)} classes." if len(self.layout.classes) > 1 else "."
        return text + (f" {absent} files are not there and will be skipped." if absent else "")


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {split}" for split, count in counts.items())
