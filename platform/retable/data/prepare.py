"""`retable data prepare`: a data set that the user brings -> a folder of decoded frames that training maps into memory.

Readers do all the decoding: those of this machine, or those of a cluster (retable.cluster.decode). They give the same
bytes, for what is in which shard depends on the videos alone.
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
from retable.data.scan.catalog import Catalog, catalogued, look
from retable.data.scan.check import Report, reported
from retable.data.scan.prepared import FILE, read_prepared, write_prepared
from retable.data.scan.probe import Found
from retable.data.scan.source import Source
from retable.io.files import make_folder, write_json

BAD_FILES = "bad_files.json"
OURS = {FILE, BAD_FILES, "catalogs", "shards"}

Reported = Callable[[int, int, int], None]
"""Told how many files are done, of how many, and how many bytes have been read (by `look`) or written so far."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is to be prepared; its methods are called in their order, and again after an interruption.

    Attributes:
        source: what the user downloaded.
        out: the folder to make. Another size or split of the same data set goes into the same folder.
        spec: how clips will be cut, or images made.
        splits: whose videos are decoded.
    """

    source: Source
    out: Path
    spec: Spec
    splits: tuple[str, ...] = ("train",)

    def inspect(self, readers: Readers | None = None) -> str:
        """Find what is wrong before anything is decoded: the lists, absent files, the folder, room on the disk.

        Returns:
            What the lists name and how much will be written, in a few sentences.

        Raises:
            DataError: says what is wrong.
        """
        told = self.source.check(self.splits, self.spec.frames)
        self._check_out()
        if (self.out / "catalogs").is_dir():  # looked at before: the exact number is soon known
            return told
        frames = self.source.frames(self.splits, readers or Readers(processes=1))
        make_folder(self.out)
        self._require(frames * self.spec.frame_bytes, "about ")
        return (
            f"{told} About {decimal(frames * self.spec.frame_bytes)} of frames will be written to {self.out}."
        )

    def look(self, readers: Readers, told: Reported) -> Mapping[str, Found]:
        """Hash every file and decode it once, unless that was done before; then check again what is now known.

        Raises:
            DataError: the folder holds other content, or is too small.
        """
        found = look(self.source.layout, self.out, _Metered(readers=readers, told=told))
        catalog = self.catalog(found)
        if before := read_prepared(self.out):
            known = catalogued(self.out, *before, self.spec.frames, self._size).fingerprint
            if known != catalog.fingerprint:
                raise DataError(
                    f"{self.out} holds a data set whose fingerprint is {known}, and that of {self.source.folder} is "
                    f"{catalog.fingerprint}; give another --out, or delete that folder"
                )
        if catalog.refusal() is None:
            videos = [catalog.usable(split).videos for split in self.splits]
            self._require(sum(bytes_to_decode(v, self.spec, self.out) for v in videos), "")
        return found

    def catalog(self, found: Mapping[str, Found]) -> Catalog:
        """The source's catalog."""
        return catalogued(self.source.folder, self.source.layout, found, self.spec.frames, self._size)

    @property
    def _size(self) -> int:
        """Pixels that an image's shorter side must have."""
        return self.spec.size if isinstance(self.spec, ImageSpec) else 1

    def decode(self, catalog: Catalog, split: str, readers: Readers, told: Reported) -> Catalog:
        """Decode what has not been decoded yet.

        Returns:
            The catalog, in which files that could not be decoded count as unreadable.

        Raises:
            DataError: the data set can't be trained on.
            DiskFull: the frames do not fit on the disk.
        """
        videos = catalog.usable(split).videos
        readers = _Metered(readers=readers, told=told, frame_bytes=self.spec.frame_bytes)
        shards = open_shards(videos, catalog.folder, self.spec, cache=self.out, readers=readers)
        return catalog.without(shards.quarantined)

    def finish(self, catalog: Catalog, found: Mapping[str, Found]) -> Report:
        """Write down the bad files, and, if the data set can be trained on, what the folder holds."""
        report = reported(catalog)
        bad = [{"path": v.path, "split": v.split, "problem": v.problem, "note": v.note} for v in report.bad]
        write_json(self.out / BAD_FILES, bad)
        if report.refusal is None:
            write_prepared(self.out, self.source.layout, found)
        return report

    def _check_out(self) -> None:
        if self.out.exists() and not self.out.is_dir():
            raise DataError(f"--out must be a folder, but {self.out} is a file")
        others = {path.name for path in self.out.glob("[!.]*")} - OURS
        if others:
            raise DataError(
                f"--out must be a folder of its own, new or of an earlier `retable data prepare`, but {self.out} has "
                f"{min(others)!r} in it"
            )

    def _require(self, needed: int, about: str) -> None:
        free = shutil.disk_usage(self.out).free
        if needed > free:
            raise DataError(
                f"{about}{decimal(needed)} are needed in {self.out}, but {decimal(free)} are free; give an --out with "
                "more room, a smaller --size or fewer --splits"
            )


@dataclass(frozen=True, kw_only=True)
class _Metered(Readers):
    """Readers that tell how far they are."""

    readers: Readers
    told: Reported
    frame_bytes: int = 0

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Mapping[str, object]]]:
        amount = 0
        with closing(self.readers.answers(requests)) as answers:
            for done, (number, answer) in enumerate(answers, 1):
                yield number, answer
                amount += self._bytes(requests[number], answer)
                self.told(done, len(requests), amount)

    def _bytes(self, request: Request, answer: Mapping[str, object]) -> int:
        if "error" in answer:
            return 0
        if str(request["task"]).startswith(("probe", "hash")):
            path = Path(str(request["path"]))
            return (
                path.stat().st_size if on_disk(path) == path else 0
            )  # an environment's size is not its value's
        return self.frame_bytes * int(str(answer["frames"]))
