"""The provenance of a result: commit and versions. No host, path or environment variable is in it."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("torch", "ray", "optuna", "mlflow", "numpy")
GIT_SECONDS = 10
COMMIT = "RETABLE_COMMIT"
"""Variable with the commit (`Provenance.code`) of code that was sent to a cluster without git."""


@dataclass(frozen=True)
class Provenance:
    """The code that made a result.

    Attributes:
        commit: the checkout's commit (hex); None outside git.
        dirty: True if the checkout has changed or new files that git does not ignore; None outside git.
        python: version of the interpreter.
        packages: versions by distribution name; only installed packages.
    """

    commit: str | None
    dirty: bool | None
    python: str
    packages: Mapping[str, str]

    @property
    def code(self) -> str:
        """The commit, with ``-dirty`` behind it if the checkout was changed; empty outside git."""
        return f"{self.commit or ''}{'-dirty' if self.dirty else ''}"

    def tags(self) -> dict[str, str]:
        """Tags for the tracker."""
        tags = {"git.commit": self.commit or "unknown", "python": self.python}
        if self.dirty is not None:
            tags["git.dirty"] = str(self.dirty).lower()
        return tags | {f"version.{name}": version for name, version in self.packages.items()}


def provenance(source: Path = Path(__file__)) -> Provenance:
    """The provenance of the code that `source`, one of its files, belongs to.

    A file that git does not track has no commit: a virtual environment inside another checkout is not part of it.
    """
    tracked = _git(source, "ls-files", "--error-unmatch", source.name) is not None
    if tracked:
        commit, status = _git(source, "rev-parse", "HEAD"), _git(source, "status", "--porcelain")
        dirty = None if status is None else bool(status)
    else:
        commit, _, changed = os.environ.get(COMMIT, "").partition("-")
        commit, dirty = commit or None, bool(changed) if commit else None
    return Provenance(
        commit=commit,
        dirty=dirty,
        python=platform.python_version(),
        packages={name: version for name in PACKAGES if (version := _version(name))},
    )


def _git(source: Path, *arguments: str) -> str | None:
    """Git's output in that file's folder; None if git is missing, fails, or hangs (a dead network disk)."""
    try:
        done = subprocess.run(
            ["git", "-C", str(source.resolve().parent), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
