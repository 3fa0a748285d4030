"""`retable data prepare`: decodes the user's data set into a folder of frames that training maps into memory.

Reader processes do all the decoding, on this machine or on a cluster (`retable.cluster.decode`). Both give
the same bytes, because the content of each shard depends on the videos alone.
"""

import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from retable.data.decode.errors import DataError
from retable.data.decode.lmdb import on_disk
from retable.data.decode.pool import Readers, Request
from retable.data.decode.spec import ImageSpec, Spec
from retable.data.samples.shards import bytes_to_decode, open_shards
from retable.data.scan.catalog import Catalog, build_catalog, look
from retable.data.scan.check import Report, build_report
from retable.data.scan.prepared import FILE, read_prepared, write_prepared
from retable.data.scan.probe import ProbeResult
from retable.data.scan.source import Source
from retable.io.files import make_folder, write_json

BAD_FILES = "bad_files.json"
OURS = {FILE, BAD_FILES, "catalogs", "shards"}

ByteProgress = Callable[[int, int, int], None]
"""Called with (files done, files in all, bytes read by `look` or written by `decode` so far)."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Preparation of a data set: call the methods in their order, and again after an interruption.

    Attributes:
        source: the data set as downloaded.
        out: the folder to create. Other sizes and splits of the same data set may share it.
        spec: the specification of clips or images.
        splits: the splits to decode.
    """

    source: Source
    out: Path
    spec: Spec
    splits: tuple[str, ...] = ("train",)

    def inspect(self, readers: Readers | None = None) -> str:
        """Check lists, absent files, output folder and free disk space before anything is decoded.

        Returns:
            A summary of the lists and of the bytes to be written, in a few sentences.

        Raises:
            DataError: a check failed.
        """
        summary = self.source.check(self.splits, self.spec.frames)
        self._check_out()
        if (self.out / "catalogs").is_dir():  # scanned before: the exact number is soon known
            return summary
        frames = self.source.frames(self.splits, readers or Readers(processes=1))
        make_folder(self.out)
        self._require(frames * self.spec.frame_bytes, "about ")
        return f"{summary} About {decimal(frames * self.spec.frame_bytes)} of frames will be written to {self.out}."

    def look(self, readers: Readers, progress: ByteProgress) -> Mapping[str, ProbeResult]:
        """Hash and decode every file once, except files known from an earlier scan; then repeat the checks.

        Raises:
            DataError: the output folder holds another data set, or the disk is too small.
        """
        found = look(self.source.layout, self.out, _ProgressReaders(readers=readers, progress=progress))
        catalog = self.catalog(found)
        if before := read_prepared(self.out):
            known = build_catalog(self.out, *before, self.spec.frames, self._size).fingerprint
            if known != catalog.fingerprint:
                raise DataError(
                    f"{self.out} holds a data set whose fingerprint is {known}, and that of {self.source.folder} is "
                    f"{catalog.fingerprint}",
                    remedy="give another --out, or delete that folder",
                )
        if catalog.refusal() is None:
            videos = [catalog.usable(split).videos for split in self.splits]
            self._require(sum(bytes_to_decode(v, self.spec, self.out) for v in videos), "")
        return found

    def catalog(self, found: Mapping[str, ProbeResult]) -> Catalog:
        """Catalog of the source."""
        return build_catalog(self.source.folder, self.source.layout, found, self.spec.frames, self._size)

    @property
    def _size(self) -> int:
        """Smallest allowed shorter side of an image, in pixels."""
        return self.spec.size if isinstance(self.spec, ImageSpec) else 1

    def decode(self, catalog: Catalog, split: str, readers: Readers, progress: ByteProgress) -> Catalog:
        """Decode the files of a split that have not been decoded yet.

        Returns:
            The catalog, with files that could not be decoded marked as unreadable.

        Raises:
            DataError: the data set can't be trained on.
            DiskFull: the frames do not fit on the disk.
        """
        videos = catalog.usable(split).videos
        readers = _ProgressReaders(readers=readers, progress=progress, frame_bytes=self.spec.frame_bytes)
        shards = open_shards(videos, catalog.folder, self.spec, cache=self.out, readers=readers)
        return catalog.without(shards.quarantined)

    def finish(self, catalog: Catalog, found: Mapping[str, ProbeResult]) -> Report:
        """Write the list of bad files and, if the data set can be trained on, dataset.json."""
        report = build_report(catalog)
        bad = [{"path": v.path, "split": v.split, "problem": v.problem, "note": v.note} for v in report.bad]
        write_json(self.out / BAD_FILES, bad)
        if report.refusal is None:
            write_prepared(self.out, self.source.layout, found)
        return report

    def _check_out(self) -> None:
        if self.out.exists() and not self.out.is_dir():
            raise DataError(f"--out must be a folder, but {self.out} is a file", remedy="give another --out")
        others = {path.name for path in self.out.glob("[!.]*")} - OURS
        if others:
            raise DataError(
                f"--out must be a folder of its own, new or of an earlier `retable data prepare`, but {self.out} has "
                f"{min(others)!r} in it",
                remedy="give another --out",
            )

    def _require(self, needed: int, about: str) -> None:
        free = shutil.disk_usage(self.out).free
        if needed > free:
            raise DataError(
                f"{about}{decimal(needed)} are needed in {self.out}, but {decimal(free)} are free",
                remedy="give an --out with more room, a smaller --size or fewer --splits",
            )


@dataclass(frozen=True, kw_only=True)
class _ProgressReaders(Readers):
    """Readers that report their progress in files and bytes."""

    readers: Readers
    progress: ByteProgress
    frame_bytes: int = 0

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Mapping[str, object]]]:
        amount = 0
        with closing(self.readers.answers(requests)) as answers:
            for done, (number, answer) in enumerate(answers, 1):
                yield number, answer
                amount += self._bytes(requests[number], answer)
                self.progress(done, len(requests), amount)

    def _bytes(self, request: Request, answer: Mapping[str, object]) -> int:
        if "error" in answer:
            return 0
        if str(request["task"]).startswith(("probe", "hash")):
            path = Path(str(request["path"]))
            return (
                path.stat().st_size if on_disk(path) == path else 0
            )  # an environment's size is not its value's
        return self.frame_bytes * int(str(answer["frames"]))
