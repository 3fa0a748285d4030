"""Lists of checksums, for damage that no decoder can see: the files of a data set against the sums that were published."""

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
"""By the number of hex digits."""

GNU = re.compile(r"\\?(?P<digest>[0-9a-fA-F]+)[ \t]+\*?(?P<path>.+)")
BSD = re.compile(r"(?P<kind>[A-Za-z0-9-]+) ?\((?P<path>.+)\) ?= ?(?P<digest>[0-9a-fA-F]+)")


@dataclass(frozen=True)
class Sum:
    """What a line says of a file. `digest` is in lower case."""

    path: str
    digest: str
    where: str

    @property
    def algorithm(self) -> str:
        """Its name in `hashlib`."""
        return ALGORITHMS[len(self.digest)]


@dataclass(frozen=True)
class Comparison:
    """A data set against a list of checksums.

    Attributes:
        source: the list.
        different: files of other content than the list says, with the problem ``damaged``.
        equal: number of files that are as the list says.
        unlisted: number of readable files that the list does not name.
        absent: number of its lines that name no file of the data set.
    """

    source: Path
    different: tuple[Video, ...]
    equal: int
    unlisted: int
    absent: int

    @property
    def summary(self) -> str:
        """The outcome in a few sentences."""
        told = f"{self.equal} are as {self.source} says, {len(self.different)} are not, {self.unlisted} are not in it"
        told += f"; it names {self.absent} that are not in the data set." if self.absent else "."
        if self.different:
            told += " Put good copies in their place, or take them out of the data set: training does not read that list."
        return told


def read_checksums(path: Path) -> tuple[Sum, ...]:
    """Read what sha256sum, md5sum, sha1sum or sha512sum wrote, or the BSD form; ``#`` begins a comment.

    Raises:
        DataError: it is not there, or a line can't be understood or contradicts another one.
    """
    try:
        sums = tuple(_sums(path))
    except FileNotFoundError:
        raise DataError(f"--checksums must be a list of checksums, but there is no {path}") from None
    first: dict[tuple[str, str], Sum] = {}
    for one in sums:
        other = first.setdefault((one.path, one.algorithm), one)
        if other.digest != one.digest:
            raise DataError(f"{one.where} contradicts {other.where} on {one.path}; take one of them out")
    if not sums:
        raise DataError(f"{path} must be a list of checksums, but is empty; make one with sha256sum")
    return sums


def compare(catalog: Catalog, source: Path, readers: Readers) -> Comparison:
    """Compare a data set's files with a list.

    Paths of the list are relative to the data set's folder or to its class folders; a file's bare name will do if no
    two files have it. Readers hash each file that the list names; one that can't be read has a problem already.

    Args:
        catalog: what is in the data set.
        source: the list.
        readers: the processes that read.

    Raises:
        DataError: the list can't be used, or the data set is one of decoded frames or of environments.
    """
    if catalog.prepared or any(on_disk(Path(video.path)) != Path(video.path) for video in catalog.videos):
        raise DataError(
            f"--checksums needs the files themselves, and {catalog.root} holds decoded frames or LMDB environments; "
            "give the folder that it was made from"
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
        yield Sum(_plain(match["path"]), match["digest"].lower(), line.where)


def _plain(path: str) -> str:
    return PurePosixPath(path.strip()).as_posix()


def _names(catalog: Catalog, paths: Mapping[str, Video]) -> Mapping[str, str]:
    """The paths of files by all that a list may call them."""
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
    """Digests by path and algorithm, taken by readers; empty where a file can't be read."""
    wanted = sorted({(path, one.algorithm) for path, sums in expected.items() for one in sums})
    requests = [{"task": "hash", "path": str(folder / path), "algorithm": name} for path, name in wanted]
    return {wanted[number]: str(answer.get("digest", "")) for number, answer in readers.answers(requests)}
