"""Comparison of a data set with a list of checksums, which finds damage that no decoder can detect."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from retable.data.decode.errors import DataError
from retable.data.decode.lmdb import on_disk
from retable.data.decode.pool import Readers
from retable.data.decode.text_lists import read_lines
from retable.data.scan.catalog import Catalog, Video

ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
"""Names of hash algorithms by their number of hex digits."""

GNU = re.compile(r"\\?(?P<digest>[0-9a-fA-F]+)[ \t]+\*?(?P<path>.+)")
BSD = re.compile(r"(?P<kind>[A-Za-z0-9-]+) ?\((?P<path>.+)\) ?= ?(?P<digest>[0-9a-fA-F]+)")


@dataclass(frozen=True)
class Sum:
    """Checksum of a file by a line of the list. `digest` is in lower case."""

    path: str
    digest: str
    where: str

    @property
    def algorithm(self) -> str:
        """Name of the algorithm in `hashlib`."""
        return ALGORITHMS[len(self.digest)]


@dataclass(frozen=True)
class Comparison:
    """Result of comparing a data set with a list of checksums.

    Attributes:
        source: the list.
        different: files whose checksum differs, with the problem ``damaged``.
        equal: number of files whose checksums agree.
        unlisted: number of readable files that the list does not name.
        absent: number of lines that name no file of the data set.
    """

    source: Path
    different: tuple[Video, ...]
    equal: int
    unlisted: int
    absent: int

    @property
    def summary(self) -> str:
        """Outcome in a few sentences."""
        text = f"{self.equal} are as {self.source} says, {len(self.different)} are not, {self.unlisted} are not in it"
        text += f"; it names {self.absent} that are not in the data set." if self.absent else "."
        if self.different:
            text += " Put good copies in their place, or take them out of the data set: training does not read that list."
        return text


def read_checksums(path: Path) -> tuple[Sum, ...]:
    """Read a list of sha256sum, md5sum, sha1sum or sha512sum, or its BSD form; ``#`` begins a comment.

    Raises:
        DataError: it is missing, or a line can't be parsed or contradicts another one.
    """
    try:
        sums = tuple(_sums(path))
    except FileNotFoundError:
        raise DataError(
            f"--checksums must be a list of checksums, but there is no {path}",
            remedy="make one with sha256sum",
        ) from None
    first: dict[tuple[str, str], Sum] = {}
    for one in sums:
        other = first.setdefault((one.path, one.algorithm), one)
        if other.digest != one.digest:
            raise DataError(
                f"{one.where} contradicts {other.where} on {one.path}", remedy="take one of them out"
            )
    if not sums:
        raise DataError(f"{path} must be a list of checksums, but is empty", remedy="make one with sha256sum")
    return sums


def compare(catalog: Catalog, source: Path, readers: Readers) -> Comparison:
    """Compare the files of a data set with a list of checksums.

    Paths of the list are relative to the data set's folder or to the folder of its class folders; a bare file
    name is enough if it is unique. Readers hash each file that the list names; one that can't be read has a
    problem already.

    Args:
        catalog: the data set.
        source: the list.
        readers: the reader processes.

    Raises:
        DataError: the list can't be used, or the data set holds decoded frames or LMDB environments.
    """
    if catalog.prepared or any(on_disk(Path(video.path)) != Path(video.path) for video in catalog.videos):
        raise DataError(
            f"--checksums needs the files themselves, and {catalog.root} holds decoded frames or LMDB environments",
            remedy="give the folder that it was made from",
        )
    sums = read_checksums(source)
    videos = {path: video for video in catalog.videos for path in (video.path, video.mask) if path}
    names = _names(catalog, videos)
    expected: dict[str, list[Sum]] = {}
    absent = 0
    for one in sums:
        if (path := names.get(one.path)) is None:
            absent += 1
        else:
            expected.setdefault(path, []).append(one)
    digests = _digests(catalog.folder, expected, readers)
    different: dict[str, Video] = {}
    equal = 0
    for path, wanted in expected.items():
        taken = {one.algorithm: digests[path, one.algorithm] for one in wanted}
        if not all(taken.values()):
            continue
        if wrong := next((one for one in wanted if taken[one.algorithm] != one.digest), None):
            note = f"its {wrong.algorithm} is {taken[wrong.algorithm]}, but {wrong.where} says {wrong.digest}"
            different[path] = replace(videos[path], path=path, problem="damaged", note=note)
        else:
            equal += 1
    return Comparison(source, tuple(different.values()), equal, len(videos.keys() - expected.keys()), absent)


def _sums(path: Path) -> Iterator[Sum]:
    for line in read_lines(path):
        if line.text.startswith("#"):
            continue
        match = BSD.fullmatch(line.text) or GNU.fullmatch(line.text)
        if match is None or len(match["digest"]) not in ALGORITHMS:
            raise line.fault(
                "must be a checksum and a path, as sha256sum writes them", "mend it or take it out"
            )
        yield Sum(_normalised(match["path"]), match["digest"].lower(), line.where)


def _normalised(path: str) -> str:
    return PurePosixPath(path.strip()).as_posix()


def _names(catalog: Catalog, paths: Mapping[str, Video]) -> Mapping[str, str]:
    """Paths of files by every name that a list may give them."""
    bare = Counter(PurePosixPath(path).name for path in paths)
    names = {PurePosixPath(path).name: path for path in paths if bare[PurePosixPath(path).name] == 1}
    above = catalog.folder.name
    if catalog.folder.is_relative_to(catalog.root):
        above = catalog.folder.relative_to(catalog.root).as_posix()
    for path in paths:
        names |= {(PurePosixPath(above) / path).as_posix(): path}
    return names | {path: path for path in paths}


def _digests(
    folder: Path, expected: Mapping[str, Sequence[Sum]], readers: Readers
) -> Mapping[tuple[str, str], str]:
    """Digests by path and algorithm, computed by readers; empty for a file that can't be read."""
    wanted = sorted({(path, one.algorithm) for path, sums in expected.items() for one in sums})
    requests = [{"task": "hash", "path": str(folder / path), "algorithm": name} for path, name in wanted]
    return {wanted[number]: str(answer.get("digest", "")) for number, answer in readers.answers(requests)}
