"""Versions of Python and of the packages that results depend on, and a hash of our own code.

This file imports no other file of ours: its functions also run on cluster nodes that lack our code or have another version.
"""

import hashlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "ray",
    "torch",
    "numpy",
    "scipy",
    "decord",
    "av",
    "pillow",
    "pyarrow",
    "pandas",
    "safetensors",
    "optuna",
    "mlflow",
)
"""The packages pinned in constraints.txt that a trial, its data or its record depends on."""

CODE = ("retable", "trainables", "studies")
SUFFIXES = (".py", ".csv")

MUST_AGREE = ("python", "code", "ray", "torch")
"""Versions that must be equal on all nodes. Otherwise workers can't read what the driver sends, or the workers of one
group compute different things."""


def package_versions() -> dict[str, str]:
    """Version by package name, with ``python`` and ``code`` (a hash of our sources)."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    code = code_hash(_folders())
    return found | ({"code": code} if code else {})


def code_hash(folders: Sequence[Path]) -> str:
    """Twelve hex digits that change with any source file's name or content; empty where there is none.

    Args:
        folders: packages; their own names count, the paths to them do not.
    """
    digest, files = hashlib.sha256(), 0
    for folder in sorted(folders, key=lambda folder: folder.name):
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                name = f"{folder.name}/{path.relative_to(folder).as_posix()}".encode()
                content = path.read_bytes()
                digest.update(b"%d %s %d " % (len(name), name, len(content)) + content)
                files += 1
    return digest.hexdigest()[:12] if files else ""


@dataclass(frozen=True)
class Differences:
    """Differences between a node's package versions and the driver's.

    Attributes:
        errors: one sentence for each difference in `MUST_AGREE`.
        warnings: one sentence for each other difference.
    """

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Differences:
    """Compare a driver's `package_versions` with a node's.

    Patch versions of Python and builds of a package, such as torch's ``+cpu`` and ``+cu128``, may differ: a head may have
    no GPUs.
    """
    errors: list[str] = []
    warnings: list[str] = []
    for name in dict.fromkeys(("python", "code", *PACKAGES)):
        here, there = ours.get(name), theirs.get(name)
        if name in ours and _comparable(name, here) != _comparable(name, there):
            sentence = f"{_LABELS.get(name, name)} {there or 'missing'}, but {here} here"
            (errors if name in MUST_AGREE else warnings).append(sentence)
    return Differences(tuple(errors), tuple(warnings))


_LABELS = {"python": "Python", "code": "our code is"}


def _comparable(name: str, version: str | None) -> str | None:
    if version is None or name == "code":
        return version
    return ".".join(version.split(".")[:2]) if name == "python" else version.partition("+")[0]


def _folders() -> list[Path]:
    """Folders of our packages, as they would be imported here."""
    found = []
    for name in CODE:
        spec = importlib.util.find_spec(name)
        found += [Path(place) for place in (spec.submodule_search_locations or () if spec else ())]
    return found
