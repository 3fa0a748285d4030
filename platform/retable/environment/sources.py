"""The source files that are sent to a cluster, as one archive: the checkout without data, results and git."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from retable.errors import RetableError

MOST_MB = 100
"""Largest archive, in MB of files: more is hardly source code. Ray itself takes 512 MiB, keeps them in the head's memory, and
copies them to every node."""

LEFT_BEHIND = frozenset({"data", "dist", "results", "venv"})
"""Folders at the top that are never sent. Folders whose name begins with a dot are not sent either."""

EPOCH = (1980, 1, 1, 0, 0, 0)
GIT_SECONDS = 30


class SourcesError(RetableError, ValueError):
    """A file, or all of them together, can't travel to a cluster."""


@dataclass(frozen=True)
class Sources:
    """A folder of source code, and the files in it that are sent to a cluster.

    Attributes:
        root: the checkout; for an installed wheel, the folder of the study's file.
        checkout: True if our own code is part of it.
    """

    root: Path
    checkout: bool

    def files(self) -> list[Path]:
        """Files to send, relative to the root: all that git tracks or would add; all files where git is absent."""
        paths = set(_known_to_git(self.root) or _found(self.root))
        return sorted(path for path in paths if _is_sent(path) and (self.root / path).is_file())

    def pack(self, archive: Path) -> None:
        """Write the zip archive. Equal files give equal bytes, so that a cluster recognises an archive it has.

        Raises:
            SourcesError: the files are too large to be source code; the message names the largest.
        """
        files = self.files()
        self._check_size(files)
        with ZipFile(archive, "w", ZIP_DEFLATED) as zipped:
            for path in files:
                entry = ZipInfo(path.as_posix(), EPOCH)
                entry.compress_type = ZIP_DEFLATED
                mode = 0o755 if (self.root / path).stat().st_mode & 0o100 else 0o644
                entry.external_attr = mode << 16
                zipped.writestr(entry, (self.root / path).read_bytes())

    def relative(self, file: Path) -> str:
        """Path of a file relative to the root, for use after the transfer.

        Raises:
            SourcesError: it does not travel.
        """
        file = file.resolve()
        if not file.is_relative_to(self.root):
            raise SourcesError(
                f"{file} is not in the checkout {self.root}, which is what travels to the cluster",
                remedy="move the file there",
            )
        path = file.relative_to(self.root)
        if path not in self.files():
            raise SourcesError(
                f"{path} does not travel to the cluster: git ignores it, or it lies in a folder of data or results",
                remedy=f"move it, such as to {self.root / 'studies'}",
            )
        return path.as_posix()

    def _check_size(self, files: Sequence[Path]) -> None:
        sizes = {path: (self.root / path).stat().st_size for path in files}
        total = sum(sizes.values())
        if total > MOST_MB * 2**20:
            largest = sorted(sizes, key=lambda path: -sizes[path])[:5]
            listed = "; ".join(f"{path} {sizes[path] / 2**20:.1f} MB" for path in largest)
            raise SourcesError(
                f"{self.root} has {total / 2**20:.0f} MB of files that would travel to the cluster, expected source "
                f"code of at most {MOST_MB} MB. The largest: {listed}",
                remedy="add those that are no source code to .gitignore, or move them away",
            )


def checkout() -> Sources | None:
    """The checkout that this code is run from; None if it is installed as a wheel."""
    root = Path(__file__).resolve().parents[3]
    return Sources(root, checkout=True) if (root / "pyproject.toml").is_file() else None


def sources_of(study: Path) -> Sources:
    """Sources that a study's file needs on a cluster: our checkout, or its own folder beside a wheel."""
    return checkout() or Sources(study.resolve().parent, checkout=False)


def _is_sent(path: Path) -> bool:
    first = path.parts[0] if len(path.parts) > 1 else ""
    left = first.startswith(".") or first in LEFT_BEHIND or "__pycache__" in path.parts
    return not left and not path.suffix.startswith(".db")  # a head's MLflow database changes all the time


def _known_to_git(root: Path) -> list[Path]:
    """Files that git tracks or would add; empty where git fails."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=GIT_SECONDS)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return []
    return [Path(name) for name in done.stdout.decode(errors="surrogateescape").split("\0") if name]


def _found(root: Path) -> Iterator[Path]:
    """Files in that folder, without the folders that stay behind: a virtual environment has many files."""
    for top in root.iterdir():
        if top.is_dir() and _is_sent(Path(top.name, "file")):
            yield from (path.relative_to(root) for path in top.rglob("*"))
        elif top.is_file():
            yield Path(top.name)
