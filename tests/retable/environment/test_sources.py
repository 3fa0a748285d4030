"""What of a checkout travels to a cluster."""

import os
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from retable.environment import sources
from retable.environment.sources import Sources, checkout, sources_of


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git has as much time as this machine's disk takes."""
    monkeypatch.setattr(sources, "GIT_SECONDS", 900)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    for name in (
        "pyproject.toml",
        "studies/mine.py",
        "studies/.hidden.py",
        "platform/retable/a.py",
        "platform/retable/__pycache__/a.pyc",
        "results/ledger.db",
        "data/clip.mp4",
        ".venv/lib/big.so",
        ".github/x.yml",
        "notes/large.bin",
        ".gitignore",
        "mlflow.db",
        "mlflow.db-wal",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / ".gitignore").write_text("notes/\n__pycache__/\n")
    return folder


def git(root: Path, *words: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, env=environment)


def names(archive: Path) -> set[str]:
    with ZipFile(archive) as zipped:
        return set(zipped.namelist())


CODE = {"pyproject.toml", "studies/mine.py", "studies/.hidden.py", "platform/retable/a.py", ".gitignore"}


def test_code_travels_and_data_results_and_what_git_ignores_stay(root: Path, tmp_path: Path) -> None:
    git(root, "init", "-q")
    git(root, "add", "pyproject.toml", "studies", "results")  # results by mistake
    (root / "studies" / "gone.py").touch()
    git(root, "add", "studies/gone.py")
    (root / "studies" / "gone.py").unlink()
    Sources(root, checkout=True).pack(tmp_path / "a.zip")
    assert names(tmp_path / "a.zip") == CODE


def test_without_git_all_but_data_and_results_travels(root: Path, tmp_path: Path) -> None:
    Sources(root, checkout=True).pack(tmp_path / "a.zip")
    assert names(tmp_path / "a.zip") == CODE | {"notes/large.bin"}


def test_the_same_files_make_the_same_archive(root: Path, tmp_path: Path) -> None:
    Sources(root, checkout=True).pack(tmp_path / "a.zip")
    os.utime(root / "pyproject.toml", (1, 1))
    (root / "platform" / "retable" / "a.py").chmod(0o664)
    Sources(root, checkout=True).pack(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    (root / "platform" / "retable" / "a.py").chmod(0o755)
    Sources(root, checkout=True).pack(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() != (tmp_path / "b.zip").read_bytes()


def test_what_is_too_large_is_named(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_MB", 1)
    (root / "studies" / "weights.pt").write_bytes(bytes(2 * 2**20))
    with pytest.raises(
        ValueError, match=r"has 2 MB .* at most 1 MB. The largest: studies/weights.pt 2.0 MB; "
    ):
        Sources(root, checkout=True).pack(tmp_path / "a.zip")


def test_a_study_must_be_among_what_travels(root: Path, tmp_path: Path) -> None:
    ours = Sources(root, checkout=True)
    assert ours.relative(root / "studies" / ".." / "studies" / "mine.py") == "studies/mine.py"
    (tmp_path / "outside.py").touch()
    with pytest.raises(ValueError, match=r"outside.py is not in the checkout .*; move the file there"):
        ours.relative(tmp_path / "outside.py")
    (root / "results" / "mine.py").touch()
    with pytest.raises(
        ValueError, match=r"results/mine.py does not travel to the cluster: git ignores it, or"
    ):
        ours.relative(root / "results" / "mine.py")


def test_the_checkout_travels_and_beside_a_wheel_the_studys_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = checkout()
    assert here is not None
    assert here.root == Path(__file__).resolve().parents[3]
    assert sources_of(root / "studies" / "mine.py") == here
    monkeypatch.setattr(sources, "checkout", lambda: None)
    assert sources_of(root / "studies" / "mine.py") == Sources(root / "studies", checkout=False)


def test_this_checkout_is_small_enough_to_travel(tmp_path: Path) -> None:
    here = checkout()
    assert here is not None
    here.pack(tmp_path / "a.zip")
    travelled = names(tmp_path / "a.zip")
    assert {
        "pyproject.toml",
        "platform/retable/cli/job.py",
        "studies/subsampling_ablation.py",
    } <= travelled
    assert (tmp_path / "a.zip").stat().st_size < 10 * 2**20
