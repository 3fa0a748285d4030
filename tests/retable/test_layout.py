"""The layout's traps: `platform/` is a source root, and every source file stays small."""

import subprocess
import sys
from pathlib import Path

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


def test_no_source_file_is_longer_than_400_lines() -> None:
    sources = [p for folder in ("platform", "trainables", "studies") for p in (ROOT / folder).rglob("*.py")]
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in sources}
    assert len(lengths) > 20
    assert {name: length for name, length in lengths.items() if length > 400} == {}


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
