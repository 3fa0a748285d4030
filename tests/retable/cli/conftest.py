"""A study of two trials with finished results, and its command line."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from retable.cli.main import main_study
from retable.data.embedded.clips import ensure_embedded
from retable.study.study import Study
from tests.retable.cli.damage import Say, printed


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_embedded(tmp_path_factory.mktemp("data"), 2)


@pytest.fixture
def own_cache(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, in which the data set is scanned already."""
    shutil.copytree(trained.parent / "cache", tmp_path / "cache")
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="package")
def study(walking: ModuleType) -> Study[Any]:
    """Two trials of 20 steps."""

    def shrink(config: Any) -> Any:
        return replace(config, iterations=20, pause=0.0) if isinstance(config, walking.Walk) else config

    scale = replace(walking.STUDY.scales["smoke"], tables={"1": 1}, shrink=shrink)
    return replace(walking.STUDY, scales={"smoke": scale})


@pytest.fixture
def say(own_cache: None, study: Study[Any], data: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command of the study, and gives what it prints in one line."""

    def run(options: Sequence[str], out: Path, code: int = 2) -> str:
        found = main_study(study, [*options, "--out", str(out), "--data", str(data)])
        text = printed(capsys)
        assert found == code, text
        return text

    return run


@pytest.fixture(scope="package")
def trained(
    study: Study[Any],
    data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(out / "cache"))
        assert main_study(study, ["--local", "--out", str(out / "results"), "--data", str(data)]) == 0
    return out / "results"


@pytest.fixture
def results(trained: Path, tmp_path: Path) -> Path:
    """A copy of finished results."""
    shutil.copytree(trained, tmp_path / "results")
    return tmp_path / "results"
