"""Checks of the installed packages: against constraints.txt, and between nodes."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from retable.doctor.finding import Finding, failure, ok, warning

EXCHANGED = ("python", "ray", "torch", "numpy", "pyarrow", "cloudpickle", "pandas", "decord", "av")
"""Packages that must be equal on all nodes: their objects are sent between nodes, or they compute the numbers."""

SHOWN = 6  # packages named in a finding


def constraints_file() -> Path | None:
    """The checkout's constraints.txt; None in an installation without one."""
    path = Path(__file__).resolve().parents[3] / "constraints.txt"
    return path if path.exists() else None


def pinned(constraints: Path) -> dict[str, str]:
    """Version by normalised package name, from a file of ``name==version`` lines."""
    lines = (line.partition("#")[0].strip() for line in constraints.read_text(encoding="utf-8").splitlines())
    return {
        _normalised(name): version for name, _, version in (line.partition("==") for line in lines) if version
    }


def needed(constraints: Path) -> frozenset[str]:
    """The required packages of the checkout's pyproject.toml; none if there is no such file."""
    path = constraints.with_name("pyproject.toml")
    if not path.exists():
        return frozenset()
    required = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {}).get("dependencies", [])
    names = (re.match(r"[\w.-]+", requirement) for requirement in required)
    return frozenset(_normalised(name.group()) for name in names if name)


def package_versions(names: Sequence[str]) -> dict[str, str]:
    """Version by package name, without the local part (``+cpu``); packages that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            continue
    return found


def against_pins(
    here: Mapping[str, str], tested: Mapping[str, str], required: frozenset[str] = frozenset()
) -> Finding:
    """Check that the installed versions are those that were tested together.

    Args:
        here: installed version by package.
        tested: version in constraints.txt by package.
        required: packages that must be installed.
    """
    lacking = sorted(required - here.keys())
    other = [
        f"{name} {here[name]} (tested: {version})"
        for name, version in tested.items()
        if name in here and here[name] != version.partition("+")[0]
    ]
    install = "install the versions that were tested: pip install -c constraints.txt -e ."
    if lacking:
        return failure("packages", f"not installed: {_shortened(lacking)}", install)
    if other:
        return warning("packages", _shortened(other), install)
    return ok("packages", f"{sum(name in here for name in tested)} packages as in constraints.txt")


def same_everywhere(versions: Mapping[str, Mapping[str, str]]) -> Finding:
    """Check that all nodes have the same versions.

    Args:
        versions: version by node, then by package (or ``python``).
    """
    names = sorted({name for here in versions.values() for name in here})
    different = [name for name in names if len({here.get(name, "none") for here in versions.values()}) > 1]
    check = "same packages on all nodes"
    if not different:
        return ok(check, f"{len(names)} versions are the same on {len(versions)} nodes")
    different.sort(key=lambda name: (name not in EXCHANGED, name))
    listed = [
        f"{name}: " + ", ".join(f"{here.get(name, 'none')} on {node}" for node, here in versions.items())
        for name in different
    ]
    advice = "install every node from the same constraints.txt and restart Ray on it"
    kind = failure if set(different) & set(EXCHANGED) else warning
    return kind(check, "; ".join(listed[:SHOWN]), advice)


def _normalised(name: str) -> str:
    """The normalised name of a package: ``PyYAML`` is ``pyyaml``, ``ast_serialize`` is ``ast-serialize``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _shortened(texts: Sequence[str]) -> str:
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {more} more" if more > 0 else "")
