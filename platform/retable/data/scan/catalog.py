"""Catalog of a data set: its listed files, the problems of each, and a fingerprint of the content."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from retable.data.decode.errors import DataError
from retable.data.decode.pool import Progress, Readers
from retable.data.decode.spec import ImageSpec
from retable.data.scan.faceforensics import is_faceforensics, read_faceforensics
from retable.data.scan.image_folders import by_content, is_image_set, read_images
from retable.data.scan.prepared import read_prepared
from retable.data.scan.probe import ProbeResult, probe_files
from retable.data.scan.ucf101 import LISTS, Kind, Layout, Listed, read_layout
from retable.io.cache import cache_folder

TOLERATED = 0.01  # share of a data set that may be unusable
NOWHERE = ("bad path", "not a file")
"""Problems of a path, which count before an unknown label."""


@dataclass(frozen=True, kw_only=True)
class Video(ProbeResult):
    """A listed file with its probe result: a video, or an image, which counts as a video of one frame.

    Further problems: ``bad mask``, ``unknown label``, ``too short`` (frames) and ``too small`` (an image).

    Attributes:
        path: ``Class/v.mp4``.
        split: ``train`` or ``test``.
        label: number of its class, from 0; None if that is unknown.
        mask: its mask video; None if the set has none.
        where: the list and the line that name it; empty if no list does.
        sha256: identity of the pixels: `ProbeResult.content`, of both files if there is a mask.
    """

    path: str
    split: str
    label: int | None
    mask: str | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Usable:
    """Videos of a split that training may use, ordered by label and content, and the skipped rest."""

    videos: tuple[Video, ...]
    skipped: tuple[Video, ...]
    kind: Kind = "video"

    @property
    def skipped_text(self) -> str:
        """Number of skipped files by problem, in a sentence; empty if there is none."""
        if not self.skipped:
            return ""
        reasons = ", ".join(f"{n} {problem}" for problem, n in _problems(self.skipped).items())
        total = len(self.videos) + len(self.skipped)
        return f"{len(self.skipped)} of {total} {self.skipped[0].split} {self.kind}s are skipped: {reasons}"


@dataclass(frozen=True)
class Catalog:
    """Classes and listed videos of a data set.

    Attributes:
        root: its folder, as given.
        folder: the folder of its class folders.
        classes: names by label.
        kind: the kind of its files.
        size: smallest allowed shorter side of an image, in pixels; 1 for any.
        splits: origin of its splits, for people; empty if unknown.
        lost: classes without a file.
        prepared: the root again if `retable data prepare` made it and its decoded frames are there.
    """

    root: Path
    folder: Path
    classes: tuple[str, ...]
    videos: tuple[Video, ...]
    prepared: Path | None = None
    kind: Kind = "video"
    size: int = 1
    splits: str = ""
    lost: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Identity of the content, 16 hex digits of SHA-256 over classes, splits, labels and file hashes.

        Names, order, times and folders of files are left out; a missing file counts as an empty hash.
        """
        content = {
            "classes": self.classes,
            f"{self.kind}s": sorted(
                [v.split, -1 if v.label is None else v.label, v.sha256] for v in self.videos
            ),
        }
        text = json.dumps(content, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def refusal(self) -> str | None:
        """Reason why this data set must not be trained on, or None.

        It is refused if more than 1% of it, or a whole class of a split, can't be used.
        """
        bad = [video for video in self.videos if video.problem]
        size = f" --size {self.size}" if self.size > 1 else ""
        advice = f"mend the files that `retable data check {self.root}{size}` lists, or take them out of the data set"
        if not self.videos:
            return f"{self.root} lists no {self.kind}s"
        if self.lost:
            return (
                f"no {self.kind} at all is of the class {self.lost[0]} of {self.root} ({len(self.lost)} of its "
                f"{len(self.classes)} classes have none); list files of it, or take it out of its classes"
            )
        if len(bad) > TOLERATED * len(self.videos):
            reasons = ", ".join(f"{n} {problem}" for problem, n in _problems(bad).items())
            return (
                f"{len(bad)} of {len(self.videos)} {self.kind}s of {self.root} can't be used ({reasons}), "
                f"and more than {TOLERATED:.0%} may not be skipped; {advice}"
            )
        for split in ("train", "test"):
            listed = {v.label for v in self.videos if v.split == split and v.label is not None}
            kept = {v.label for v in self.videos if v.split == split and not v.problem}
            for label in sorted(listed - kept):
                name = self.classes[label]
                return f"no {split} {self.kind} of the class {name} of {self.root} can be used; {advice}"
        return None

    def requiring(self, frames: int) -> "Catalog":
        """Copy in which videos with fewer frames count as too short."""
        if self.kind == "image":
            return self
        return replace(self, videos=tuple(_long_enough(video, frames) for video in self.videos))

    def of(self, kind: Kind) -> "Catalog":
        """The catalog itself, checked to hold files of this kind.

        Raises:
            DataError: its files are of another kind.
        """
        if self.kind != kind:
            raise DataError(f"{self.root} must be a data set of {kind}s, but holds {self.kind}s")
        return self

    def requiring_images(self, spec: ImageSpec) -> "Catalog":
        """Copy in which images that are smaller than the spec's size count as too small.

        Raises:
            DataError: its files are of another kind, or it has none of the classes that the spec takes.
        """
        catalog = self.of("image")
        if strange := [name for name in spec.classes if name not in self.classes]:
            raise DataError(
                f"images of the class {strange[0]} are asked for, but {self.root} has {', '.join(self.classes)}"
            )
        images = tuple(_large_enough(image, spec.size) for image in self.videos)
        return replace(catalog, size=spec.size, videos=images)

    def usable(self, split: str) -> Usable:
        """Usable videos of a split, ordered by label and content, and the skipped ones.

        Raises:
            DataError: more than 1% of the set or a whole class is unusable, or the split lists nothing.
        """
        if refusal := self.refusal():
            raise DataError(refusal)
        listed = [video for video in self.videos if video.split == split]
        if not listed:
            raise DataError(
                f"{self.root} has no {split!r} {self.kind}s among its {len(self.videos)}",
                remedy="its splits are 'train' and 'test': give more, or list them (docs/data.md)",
            )
        good = sorted((v for v in listed if not v.problem), key=lambda v: (v.label or 0, v.sha256, v.path))
        return Usable(tuple(good), tuple(v for v in listed if v.problem), self.kind)

    def without(self, unreadable: Mapping[str, str]) -> "Catalog":
        """Copy in which the files with these hashes count as unreadable, with these reasons."""
        videos = tuple(
            replace(v, problem="unreadable", note=unreadable[v.sha256]) if v.sha256 in unreadable else v
            for v in self.videos
        )
        return replace(self, videos=videos)


def scan(
    root: Path,
    *,
    frames: int = 16,
    size: int = 1,
    fold: int = 1,
    cache: Path | None = None,
    readers: Readers | None = None,
    progress: Progress | None = None,
) -> Catalog:
    """Catalog a data set: decode each file once; the next scan reads changed files only.

    Args:
        root: a folder in the layout of UCF101 (`retable.data.scan.ucf101`), of FaceForensics
            (`retable.data.scan.faceforensics`) or of images (`retable.data.scan.image_folders`), or one that
            `retable data prepare` made, whose files are not read again. Nothing is written there.
        frames: a video with fewer frames is too short.
        size: an image whose shorter side has fewer pixels is too small.
        fold: number of the train and test lists.
        cache: cache folder; the user's own by default.
        readers: the reader processes.
        progress: called after each file that is read.

    Raises:
        DataError: the lists are missing or can't be understood.
    """
    if prepared := read_prepared(root):
        return replace(build_catalog(root, *prepared, frames, size), prepared=root)
    if (root / "shards").is_dir():
        raise DataError(
            f"`retable data prepare` has begun {root} and not finished", remedy="run the same command again"
        )
    layout = _layout(root, fold, readers)
    return build_catalog(root, layout, look(layout, cache, readers, progress), frames, size)


def _layout(root: Path, fold: int, readers: Readers | None) -> Layout:
    if not root.is_dir():
        raise DataError(
            f"a data set must be a folder, but {root} is none", remedy="name its folder with --data DIR"
        )
    if is_faceforensics(root):
        return read_faceforensics(root)
    if any((root / name / "classInd.txt").is_file() for name in LISTS):
        return read_layout(root, fold)
    if is_image_set(root):
        return read_images(root, readers)
    raise DataError(
        f"{root} must hold a data set: videos or images with UCF101's lists (classInd.txt, …), FaceForensics' folders, "
        "images in class folders or in none, or LMDB environments; it has none of these",
        remedy="arrange it in one of these layouts (docs/data.md shows each)",
    )


def look(
    layout: Layout, cache: Path | None, readers: Readers | None = None, progress: Progress | None = None
) -> Mapping[str, ProbeResult]:
    """Probe each file of a data set, masks too. Arguments as in `scan`."""
    key = hashlib.sha256(str(layout.videos.resolve()).encode()).hexdigest()[:16]
    cache_file = cache_folder(cache) / "catalogs" / f"{key}.json"
    paths = {line.path for line in layout.listed} | {line.mask for line in layout.listed if line.mask}
    return probe_files(layout.videos, sorted(paths), cache_file, readers or Readers(), progress, layout.kind)


def build_catalog(
    root: Path, layout: Layout, found: Mapping[str, ProbeResult], frames: int, size: int = 1
) -> Catalog:
    """Catalog of a data set from its layout and probe results; `frames` and `size` as in `scan`."""
    listed = by_content(layout.listed, found)
    if layout.kind == "image":
        videos = tuple(_large_enough(_video(line, found, 1), size) for line in listed)
    else:
        videos = tuple(_video(line, found, frames) for line in listed)
    labels = {line.label for line in listed}
    lost = tuple(name for label, name in enumerate(layout.classes) if label not in labels)
    return Catalog(
        root,
        layout.videos,
        layout.classes,
        videos,
        kind=layout.kind,
        size=size,
        splits=layout.splits,
        lost=lost,
    )


def _video(line: Listed, files: Mapping[str, ProbeResult], frames: int) -> Video:
    found = files[line.path]
    if line.mask:
        found = _paired(found, files[line.mask])
    else:
        found = replace(found, sha256=found.content, revision=0)
    video = Video(**asdict(found), **asdict(line))
    if line.label is None and video.problem not in NOWHERE:
        note = "it is of none of the classes, or of another one than its list says"
        video = replace(video, problem="unknown label", note=note)
    if video.problem in (*NOWHERE, "missing", "unknown label") and line.where:
        return replace(video, note=f"{line.where}: {video.note}")
    return _long_enough(video, frames)


def _long_enough(video: Video, frames: int) -> Video:
    if video.problem or video.frames >= frames:
        return video
    return replace(video, problem="too short", note=f"{video.frames} frames, and {frames} are needed")


def _large_enough(image: Video, size: int) -> Video:
    if image.problem or min(image.width, image.height) >= size:
        return image
    note = f"{image.width} × {image.height} pixels, and the shorter side must have {size}"
    return replace(image, problem="too small", note=note)


def _paired(found: ProbeResult, mask: ProbeResult) -> ProbeResult:
    """Probe result of a video together with its mask, which must have as many frames of the same size."""
    sha256 = hashlib.sha256((found.content + mask.content).encode()).hexdigest()
    pair = replace(found, sha256=sha256, revision=0)
    if found.problem:
        return pair
    if mask.problem:
        return replace(pair, problem="bad mask", note=f"the mask is {mask.problem}: {mask.note}")
    sizes = [(f.frames, f.width, f.height) for f in (found, mask)]
    if sizes[0] != sizes[1]:
        return replace(
            pair,
            problem="bad mask",
            note=f"(frames, width, height) is {sizes[0]}, but {sizes[1]} in the mask",
        )
    return pair


def _problems(videos: Iterable[Video]) -> Mapping[str, int]:
    return dict(sorted(Counter(video.problem or "" for video in videos).items()))
