"""The layout's traps: `platform/` is a source root, and every source file stays small."""

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.retable.layout import House, circles, floors, measured

ROOT = Path(__file__).parents[2]


def test_the_standard_library_platform_is_found_from_the_root() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.system())"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"Linux", "Darwin", "Windows"}


def test_platform_is_not_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_tests_are_not_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
    assert not (ROOT / "tests" / "platform").exists()


@pytest.fixture(scope="module")
def house() -> House:
    return measured()


def test_no_files_folders_or_rooms_import_each_other(house: House) -> None:
    assert circles(house.files) == []
    assert circles(house.folders) == []
    assert circles(house.rooms) == []


def test_the_house_has_nine_floors(house: House) -> None:
    """Longest chain of rooms that import each other, from the studies down; the errors lie beneath all floors."""
    rooms = {
        name: others for name, others in house.rooms.items() if name not in ("retable", "retable.errors")
    }
    found = floors({name: others & rooms.keys() for name, others in rooms.items()})
    assert len(found) <= 9, "\n".join(" | ".join(names) for names in reversed(found))


def test_rooms_are_small(house: House) -> None:
    assert sum(house.sizes.values()) > 200
    sizes = {
        folder: size for folder, size in house.sizes.items() if folder != "trainables"
    }  # it has folders only
    assert {folder: size for folder, size in sizes.items() if not 2 <= size <= 13} == {}
    flat = {Path(path).name for path in house.lengths if Path(path).parent == Path("platform/retable")}
    assert flat == {"__init__.py", "__main__.py", "errors.py"}


def test_source_files_are_short(house: House) -> None:
    assert {path: length for path, length in house.lengths.items() if length > 400} == {}
    assert median(length for length in house.lengths.values() if length > 1) <= 120


def test_every_room_says_what_lives_there() -> None:
    rooms = sorted((ROOT / "platform" / "retable").rglob("__init__.py"))
    assert len(rooms) > 20
    silent = [
        str(room.parent.relative_to(ROOT)) for room in rooms if not (room_docstring(room) or "").endswith(".")
    ]
    assert silent == []


def room_docstring(room: Path) -> str | None:
    return ast.get_docstring(ast.parse(room.read_text(encoding="utf-8")))


def test_circles_and_floors_are_found() -> None:
    graph = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("b"), "d": frozenset("a")}
    assert circles(graph) == [["b", "c"]]
    assert floors({"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset()}) == [["c"], ["b"], ["a"]]


def loaded(modules: str, among: set[str]) -> str:
    """Which of some modules are loaded by importing others in a fresh process, as a list in print."""
    code = f"import sys, {modules}\nprint(sorted({among} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_tables_render_without_torch_ray_and_mlflow() -> None:
    report = "retable.report.tables.tidy, retable.report.formats.console, retable.report.formats.export, retable.planning.plan"
    assert loaded(f"{report}, studies.subsampling_ablation", {"torch", "ray", "mlflow"}) == "[]"


def test_the_command_line_answers_before_anything_heavy_is_loaded() -> None:
    trainers = {"torch", "ray", "mlflow", "optuna"}
    tables = {"pandas", "scipy", "matplotlib", "pyarrow", "numpy"}
    assert loaded("retable.cli.main", trainers | tables) == "[]"
