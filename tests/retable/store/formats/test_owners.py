"""The names of files and folders in a results folder are spelled by one module; no other knows them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
SOURCES = ("platform/retable", "trainables", "studies")
OWNER = "platform/retable/store/formats/layout.py"
OTHER_FORMATS = {
    "platform/retable/data/samples/array_store.py": {"manifest.json"},  # of arrays, in the data set's cache
}

FILES = {
    *(
        "result.json",
        "config.json",
        "fence.json",
        "continues.json",
        "manifest.json",
        "ledger.db",
        "index.arrow",
    ),
    *("mlflow.db", "optuna.db", ".tracking-id", ".storage-url", "stop-", "stop-*", "failure-", "failure-*"),
}
"""Refused wherever they stand in a text without blanks."""
FOLDERS = {
    *("trials", "outbox", "checkpoints", "samples", "tracking", "quarantine", "set-aside"),
    *("tables", "figures", "search", "ray"),
}
"""Refused in paths: they are words too."""


def spelled(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each literal in a module that names a file or folder of results. Docstrings are prose."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        whole = parents[node] if isinstance(parents[node], ast.JoinedStr) else node
        parts = node.value.split("/")
        path = isinstance(parents[whole], ast.BinOp) and isinstance(parents[whole].op, ast.Div)  # type: ignore[attr-defined]
        if isinstance(parents[node], ast.Expr) or any(blank in node.value for blank in " \n"):
            continue
        if not FILES.isdisjoint(parts) or ((path or len(parts) > 1) and not FOLDERS.isdisjoint(parts)):
            yield node.lineno, node.value


def test_no_other_module_spells_the_names_of_a_results_folder() -> None:
    found = []
    sources = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(sources) > 200
    for path in sources:
        name = path.relative_to(ROOT).as_posix()
        for line, text in spelled(path.read_text(encoding="utf-8")):
            if name != OWNER and text not in OTHER_FORMATS.get(name, ()):
                found.append(f"{name}:{line}: {text!r}")
    assert found == [], f"take these names from {OWNER}"


def test_the_owner_spells_them_all() -> None:
    texts = {text for _, text in spelled((ROOT / OWNER).read_text(encoding="utf-8"))}
    assert FILES - texts == {"stop-", "failure-"}  # the owner has their patterns


@pytest.mark.parametrize(
    "line",
    [
        'folder / "result.json"',
        'read(folder, "config.json")',
        'results / "trials" / signature',
        'results.glob("trials/*/x.json")',
        'f"{results}/mlflow.db"',
        'folder / f"failure-{attempt}.json"',
        'f"{folder}/samples/{name}.png"',
        'MANIFEST = "manifest.json"',
    ],
)
def test_a_spelled_name_is_found(line: str) -> None:
    assert list(spelled(line))


@pytest.mark.parametrize(
    "line",
    [
        '"""The trial\'s result.json."""',
        'record["samples"]',
        'help("in optuna.db of the folder")',
        'add_parser("figures")',
        'f"{seconds} / samples"',
    ],
)
def test_prose_and_keys_are_none(line: str) -> None:
    assert not list(spelled(line))
