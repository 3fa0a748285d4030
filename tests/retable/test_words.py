"""One word, one thing: names and the first lines of docstrings use the field's words.

The test reads every source with `ast` and lists all findings at once, each with the word to use.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("platform/retable", "trainables", "studies", "dashboards", "benchmarks")

ROOMS = ("platform/retable", "trainables", "studies", "benchmarks")
"""Folders that the test holds to the rules; `python tests/retable/test_words.py` lists the findings."""

NAMES = {
    "anew": "restart, retrain",
    "asked": "suggested, requested",
    "asking": "sampler",
    "board": "live view",
    "bring": "load",
    "brought": "pretrained",
    "bucket": "object store",
    "carried": "transferred",
    "draws": "random draws",
    "elsewhere": "remote commands",
    "encoded_by": "with_encoder",
    "everything": "report",
    "examiner": "health actor",
    "fed": "samples_per_iteration",
    "fitting": "compatibility",
    "following": "progress",
    "gang": "worker group",
    "gangs": "worker groups",
    "judge": "evaluator, verdict",
    "judged": "evaluated, with_classifier",
    "lasting": "with_iterations",
    "meter": "progress",
    "misfit": "incompatibility",
    "notice": "preemption notice",
    "on_head": "job entry point",
    "outbox": "metrics log",
    "outlook": "forecast",
    "pace": "throughput, progress",
    "parcel": "delivery",
    "part": "partition, share",
    "piece": "partition",
    "pieces": "partitions",
    "places": "cells, decimals",
    "plain": "state dict",
    "pricing": "duration",
    "prospect": "trial forecast",
    "remembered": "loaded from MLflow",
    "repeated": "periodic",
    "roll_call": "preflight",
    "sets": "datasets",
    "shipper": "uploader",
    "showing": "tracking observer",
    "speed": "throughput",
    "speeds": "throughputs",
    "spelt": "metric_name",
    "streams": "random",
    "telling": "distinguishing",
    "together": "figures of several trials",
    "told": "reported, text",
    "words": "text",
}
"""Words that no module, class, function, argument or field has in its name -> what to write.

Words of the glossary's left column that are the field's own where they are used now are not in it: `commands` and
`remote` (of the command line), `costs`, `forecast`, `request` (Ray, HTTP), `source`, `layout`, `points`, `owner`.
"""

EXCEPTIONS = {
    "Plain": "a discriminator block without a residual branch, as §6.1.6 of TGANv2 describes it",
    "plain_text": "text without markup, the usual term",
    "random_draws": "the glossary's own term",
    "RandomDraws": "the glossary's own term",
    "pieces_seconds": "a key of result.json, on disk",
    "preemption_notice": "the glossary's own term",
}
"""Names that keep such a word, with the reason."""

FIRST_WORDS = {
    "How": "the quantity or the method: 'Number of …', 'Seconds of …'",
    "Of": "the noun that it belongs to",
    "Such": "the noun before the example: 'Text such as …'",
    "TODO.": "a sentence",
    "That": "the noun: 'Comparison …', 'Check that …'",
    "Told": "'Message …', 'Reported …'",
    "What": "the noun itself: 'Forecast of …', 'Requirements of …'",
    "When": "'Time of …'",
    "Where": "'Folder of …', 'Position of …', 'Node of …'",
    "Whether": "'True if …'",
    "Which": "the noun: 'Selection of …'",
    "Who": "the noun: 'Process that …'",
    "Whose": "the noun that owns it",
    "Why": "'Reason for …'",
}
"""Words that no docstring begins with: a first line is a noun phrase or an imperative. -> what to write."""

PHRASES = {
    "anew": "again",
    "became of": "state of, outcome of",
    "brought": "pretrained, provided by the user",
    "gang": "worker group",
    "misfit": "incompatibility",
    "outbox": "metrics log",
    "shipper": "uploader",
    "told": "reported, printed",
}
"""Words that no first line of a docstring has in it -> what to write."""


def findings(source: str, path: str) -> list[str]:
    """Breaches of the rules in a module, in the order of its lines, such as ``a.py:3: judge -> evaluator``."""
    tree = ast.parse(source)
    found = [(1, text) for text in _of_name(Path(path).stem)]
    for node in ast.walk(tree):
        found += [(line, text) for line, name in _names(node) for text in _of_name(name)]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            line = 1 if isinstance(node, ast.Module) else node.lineno
            found += [(line, text) for text in _of_docstring(ast.get_docstring(node))]
    if ast.get_docstring(tree) is None:
        found.append((1, "the module has no docstring -> one sentence that says what it is"))
    return [f"{path}:{line}: {text}" for line, text in sorted(found)]


def _names(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of a class, of its annotated fields, of a function or of an argument."""
    if isinstance(node, ast.ClassDef):
        yield node.lineno, node.name
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                yield statement.lineno, statement.target.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.lineno, node.name
    elif isinstance(node, ast.arg):
        yield node.lineno, node.arg


def _of_name(name: str) -> Iterator[str]:
    """Findings in a name: in ``FoundPieces`` and in ``found_pieces`` the words are `found` and `pieces`."""
    if name in EXCEPTIONS:
        return
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    spelling = "_" + "_".join(words).lower() + "_"
    yield from (f"{name} -> {use}" for word, use in NAMES.items() if f"_{word}_" in spelling)


def _of_docstring(docstring: str | None) -> Iterator[str]:
    """Findings in a docstring's first line."""
    if not docstring:
        return
    line = docstring.splitlines()[0]
    first = line.split()[0].rstrip(",:")
    if first in FIRST_WORDS:
        yield f"{line!r} begins with {first} -> {FIRST_WORDS[first]}"
    for phrase, use in PHRASES.items():
        if re.search(rf"\b{phrase}\b", line, re.IGNORECASE):
            yield f"{line!r} has {phrase!r} in it -> {use}"


def all_findings(rooms: tuple[str, ...]) -> list[str]:
    """Breaches of the rules in the sources of these rooms."""
    files = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py"))]
    found: list[str] = []
    for path in files:
        name = path.relative_to(ROOT)
        if any(name.is_relative_to(room) for room in rooms):
            found += findings(path.read_text(encoding="utf-8"), name.as_posix())
    return found


def test_names_and_first_lines_use_the_words_of_the_field() -> None:
    found = all_findings(ROOMS)
    assert not found, "\n".join([f"{len(found)} findings:", *found])


def test_every_folder_exists() -> None:
    assert [room for room in ROOMS if not (ROOT / room).exists()] == []


def test_each_kind_of_name_is_found() -> None:
    source = '"""Module."""\nclass Judge:\n    pace: int\n    def told(self, *, fed: int, **pieces: int) -> None: ...\n'
    assert findings(source, "a/outlook.py") == [
        "a/outlook.py:1: outlook -> forecast",
        "a/outlook.py:2: Judge -> evaluator, verdict",
        "a/outlook.py:3: pace -> throughput, progress",
        "a/outlook.py:4: fed -> samples_per_iteration",
        "a/outlook.py:4: pieces -> partitions",
        "a/outlook.py:4: told -> reported, text",
    ]


def test_words_are_found_within_names_and_never_within_words() -> None:
    source = (
        '"""Module."""\ndef run_roll_call(startling: int, partial: int, random_draws: int) -> None: ...\n'
    )
    assert findings(source, "a.py") == ["a.py:2: run_roll_call -> preflight"]


def test_first_lines_of_every_docstring_are_read() -> None:
    source = '"""What this is."""\nclass A:\n    """Whether."""\n    def _b(self) -> None:\n        """Number told."""\n'
    assert [text.partition(": ")[2] for text in findings(source, "a.py")] == [
        f"'What this is.' begins with What -> {FIRST_WORDS['What']}",
        "'Number told.' has 'told' in it -> reported, printed",
    ]


def test_a_module_without_a_docstring_is_found() -> None:
    assert len(findings("", "a.py")) == 1


if __name__ == "__main__":
    sys.stdout.writelines(f"{finding}\n" for finding in all_findings(SOURCES))
