"""Provenance against real git repositories."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest

from retable.environment.provenance import provenance


@pytest.fixture(autouse=True)
def _own_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine's, and as much time as its disk takes."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setattr("retable.environment.provenance.GIT_SECONDS", 900)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_commit_and_dirty(tmp_path: Path) -> None:
    source = tmp_path / "code" / "study.py"
    source.parent.mkdir()
    source.write_text("one\n")
    git(tmp_path, "init")
    assert provenance(source).commit is None  # not tracked yet
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    clean = provenance(source)
    assert clean.commit == git(tmp_path, "rev-parse", "HEAD")
    assert clean.dirty is False
    assert clean.tags()["git.dirty"] == "false"

    (tmp_path / "new.py").write_text("")
    assert provenance(source).dirty is True
    (tmp_path / "new.py").unlink()
    source.write_text("two\n")
    assert provenance(source).dirty is True


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    source = tmp_path / "study.py"
    source.write_text("")
    found = provenance(source)
    assert (found.commit, found.dirty) == (None, None)
    assert found.tags()["git.commit"] == "unknown"
    assert "git.dirty" not in found.tags()


def test_versions_and_nothing_of_the_machine() -> None:
    found = provenance()
    assert found.packages["numpy"] == np.__version__
    assert found.tags()["python"] == platform.python_version()
    written = str(found)
    assert not platform.node() or platform.node() not in written
    assert str(Path(__file__).parents[3]) not in written
