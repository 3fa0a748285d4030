"""Every module of ours that a script, a cluster's file, a document or a setting names can be found."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = "retable|trainables|studies|dashboards|benchmarks"
DOTTED = re.compile(rf"(?<![\w./-])(?:{PACKAGES})(?:\.[A-Za-z_]\w*)+(?::\w+)?(?![\w/*-])")
IN_CODE = re.compile(rf"-m ((?:{PACKAGES})(?:\.\w+)+)|[\"'`]((?:{PACKAGES})(?:\.\w+)+:\w+)")
FILES = frozenset({"json", "pth", "db", "html", "md", "py", "sh", "yaml", "zip"})
"""Last parts of names that are files, such as ``retable.json``."""


def texts() -> Iterator[Path]:
    """The files that people and machines read to start something."""
    for name in ("README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", "ray_cluster.yaml"):
        yield ROOT / name
    for folder, pattern in (("clusters", "*"), ("docs", "*.md"), ("dashboards", "*"), ("trainables", "*.md")):
        yield from (path for path in (ROOT / folder).rglob(pattern) if path.is_file())


def named() -> dict[str, list[str]]:
    """The files by the module that they name."""
    found: dict[str, list[str]] = {}
    for path in texts():
        if path.suffix in ("", ".json", ".md", ".py", ".sh", ".toml", ".yaml"):
            for match in DOTTED.finditer(path.read_text(encoding="utf-8")):
                if match.group().rpartition(".")[2] not in FILES:
                    found.setdefault(match.group(), []).append(str(path.relative_to(ROOT)))
    for folder in ("platform", "trainables", "studies", "dashboards", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for match in IN_CODE.finditer(path.read_text(encoding="utf-8")):
                found.setdefault(match.group(1) or match.group(2), []).append(str(path.relative_to(ROOT)))
    return found


def exists(name: str) -> bool:
    """True if the name is a module, or a name at the top of one; nothing but packages is imported."""
    module, _, attribute = name.partition(":")
    if attribute:
        return defines(module, attribute)
    if found(module):
        return True
    module, _, attribute = name.rpartition(".")
    return defines(module, attribute)


def found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def defines(module: str, attribute: str) -> bool:
    spec = importlib.util.find_spec(module) if found(module) else None
    if spec is None or spec.origin is None:
        return False
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return attribute in names


def test_every_named_module_is_found() -> None:
    names = named()
    assert len(names) > 20
    missing = {name: files for name, files in sorted(names.items()) if not exists(name)}
    assert not missing


@pytest.mark.parametrize(
    "name",
    ["retable.cluster.spot.preemption", "retable.cluster.spot.aws.AwsSpotFirst", "retable.cli.main:main"],
)
def test_names_that_start_something_are_among_them(name: str) -> None:
    assert name in named()


@pytest.mark.parametrize(
    "name", ["retable.cluster.spot.notice", "retable.cluster.spot.aws.Nothing", "retable.cli.main:nothing"]
)
def test_a_name_that_is_gone_is_found_out(name: str) -> None:
    assert not exists(name)
