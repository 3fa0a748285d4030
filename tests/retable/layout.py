"""The house measured from its imports: `python tests/retable/layout.py` prints floors, circles, folders and file lengths.

Imports under TYPE_CHECKING and inside functions count like any other.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grimp

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "retable": ROOT / "platform" / "retable",
    "trainables": ROOT / "trainables",
    "studies": ROOT / "studies",
}

Graph = Mapping[str, frozenset[str]]
"""Who imports whom."""


@dataclass(frozen=True)
class House:
    """Measures of the source tree.

    Attributes:
        files: modules, each with the modules that it imports.
        lengths: path of each source file -> its number of lines.
    """

    files: Graph
    lengths: Mapping[str, int]

    @property
    def rooms(self) -> Graph:
        """Rooms of the platform, families and studies, each with the others that it imports."""
        return grouped(self.files, room_of)

    @property
    def folders(self) -> Graph:
        """Folders, each with the others that their files import; files beside no room stand for themselves."""
        return grouped(self.files, self._folder_of)

    def _folder_of(self, module: str) -> str:
        within = any(other.startswith(f"{module}.") for other in self.files)
        return module if within or module.count(".") < 2 else module.rpartition(".")[0]

    @property
    def sizes(self) -> Counter[str]:
        """Folder -> the number of source files in it."""
        return Counter(str(Path(path).parent) for path in self.lengths)


def measured() -> House:
    """The house as it stands."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    files = {module: frozenset(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in PACKAGES.values()
        for path in sorted(folder.rglob("*.py"))
    }
    return House(files, lengths)


def room_of(module: str) -> str:
    """The room of a platform's module, or the family, or the studies."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] in ("retable", "trainables") else parts[0]


def grouped(graph: Graph, group: Callable[[str], str]) -> Graph:
    """The graph of groups of modules: an arrow where any of one imports any of the other."""
    arrows: defaultdict[str, set[str]] = defaultdict(set)
    for module, imported in graph.items():
        arrows[group(module)] |= {group(other) for other in imported} - {group(module)}
    return {name: frozenset(others) for name, others in arrows.items()}


def circles(graph: Graph) -> list[list[str]]:
    """Sets of nodes that import each other, directly or by way of others (strongly connected components, Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        path.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
            if other in path:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            members = path[path.index(node) :]
            del path[path.index(node) :]
            if len(members) > 1:
                found.append(sorted(members))

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10 * len(graph) + 1000))
    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def floors(graph: Graph) -> list[list[str]]:
    """Nodes by floor, the lowest first: a node stands one floor above the highest that it imports. No circle allowed."""
    level: dict[str, int] = {}

    def of(node: str) -> int:
        if node not in level:
            level[node] = 1 + max((of(other) for other in graph.get(node, ())), default=-1)
        return level[node]

    by_level: defaultdict[int, list[str]] = defaultdict(list)
    for node in sorted(graph):
        by_level[of(node)].append(node)
    return [by_level[at] for at in sorted(by_level)]


def lines(house: House) -> Iterator[str]:
    """The measures in print."""
    yield from _circle_lines("files", house.files)
    yield from _circle_lines("folders", house.folders)
    yield from _circle_lines("rooms", house.rooms)
    if not circles(house.rooms):
        yield "floors, from the top:"
        yield from (f"  {' | '.join(names)}" for names in reversed(floors(house.rooms)))
    folder, most = house.sizes.most_common(1)[0]
    yield f"largest folder: {folder}, {most} files"
    flat = sorted(Path(path).name for path in house.lengths if Path(path).parent == Path("platform/retable"))
    yield f"flat files in platform/retable: {', '.join(flat)}"
    own = {path: length for path, length in house.lengths.items() if length > 1}
    longest = max(own, key=lambda path: own[path])
    yield f"median file: {median(own.values()):g} lines; longest: {longest}, {own[longest]} lines; all: {sum(own.values())}"


def _circle_lines(what: str, graph: Graph) -> Iterable[str]:
    found = circles(graph)
    return [f"circles between {what}: {len(found)}", *(f"  {', '.join(members)}" for members in found)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines(measured())) + "\n")
