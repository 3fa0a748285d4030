"""A tracker, a database, a cluster, a package or a cache that can't be used: one sentence, and no traceback."""

import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from retable.cli.main import main, main_study
from retable.data.embedded.clips import ensure_embedded
from retable.study.study import Study
from tests.retable.cli.damage import REPORT, RUN, Say, overwrite, printed

WALKING = Path(__file__).parents[1] / "cluster" / "walking.py"

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("content", [b"garbage", b"{}"])
def test_a_damaged_state_of_the_tracking_hinders_nothing(results: Path, say: Say, content: bytes) -> None:
    overwrite(results, "trials/*/tracking/*.json", content)
    for options in (REPORT, RUN):
        say(options, results, code=0)


def test_a_tracker_that_is_down(results: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    text = say(RUN, results, code=0)
    assert "points and files are not in MLflow at http://127.0.0.1:9 yet" in text
    text = say(["--from-mlflow"], results)
    assert "MLflow at http://127.0.0.1:9 can't be read:" in text
    assert "see that it is up and takes this user, or name another (--from-mlflow URI)" in text


def test_a_tracker_whose_database_is_damaged(results: Path, say: Say) -> None:
    overwrite(results, "mlflow.db")
    assert "file is not a database; see that it is up" in say(["--from-mlflow"], results)


def test_a_tracker_of_another_kind(results: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///tmp/mlruns")
    text = say(RUN, results)
    assert "the tracking URI must begin with one of" in text
    assert "unset MLFLOW_TRACKING_URI" in text


@pytest.mark.parametrize(
    ("storage", "problem"),
    [
        ("sqlite:///{out}/optuna.db", "file is not a database"),
        ("sqlite:////nowhere/optuna.db", "unable to open database file"),
        ("nowhere+x://user:secret@127.0.0.1:9/db", "Can't load plugin"),
        ("optuna", "which is no URL such as sqlite:///optuna.db"),
    ],
)
def test_an_optuna_storage_that_cannot_be_used(
    valley: ModuleType,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    storage: str,
    problem: str,
) -> None:
    (tmp_path / "optuna.db").write_bytes(b"garbage " * 100)
    options = ["--local", "--out", str(tmp_path), "--data", str(data)]
    assert main_study(valley.STUDY, [*options, "--optuna-storage", storage.format(out=tmp_path)]) == 2
    text = printed(capsys)
    assert problem in text
    assert "give --optuna-storage another URL, which is filled with all points" in text
    assert "secret" not in text


def test_a_damaged_history_of_a_search(
    valley: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--local", "--out", str(tmp_path), "--data", str(data)]
    assert main_study(valley.STUDY, options) == 0
    overwrite(tmp_path, "search/*/points/*.json")
    capsys.readouterr()
    for more in ([], ["--report"], ["--status"]):
        assert main_study(valley.STUDY, [*options[1:], *more] if more else options) == 2
        text = printed(capsys)
        assert "is damaged" in text
        assert "move it away and run again: the same points are suggested" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["plan", str(WALKING)],
        ["run", str(WALKING), "--data", "{data}", "--out", "{out}"],
    ],
)
def test_a_cluster_that_is_not_there(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    options = [argument.format(data=data, out=tmp_path / "results") for argument in arguments]
    assert main(arguments=[*options, "--address", "127.0.0.1:9"]) == 2
    text = printed(capsys)
    assert "nothing listens at 127.0.0.1:9: " in text
    assert "check that the cluster is up, and try again" in text


def test_the_file_of_a_cluster_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments=["status", str(WALKING), "--cluster", "/nowhere.yaml"]) == 2
    assert "but /nowhere.yaml is no such file; name one of them" in printed(capsys)


def test_a_cluster_whose_token_is_not_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    assert main(arguments=["status", str(WALKING), "--cluster", "http://127.0.0.1:9"]) == 2
    text = printed(capsys)
    assert "asks for a token, but there is none in" in text
    assert "copy the head's ~/.ray/auth_token there" in text


def test_an_optional_package_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "lmdb.py").write_text("raise ModuleNotFoundError('lmdb')")
    (tmp_path / "cat_lmdb").mkdir()
    (tmp_path / "cat_lmdb" / "data.mdb").write_bytes(b"")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    assert main(arguments=["data", "check", str(tmp_path / "cat_lmdb")]) == 2
    text = printed(capsys)
    assert "the package lmdb is not installed; run pip install 'retable[lmdb]' on every machine" in text


def test_a_corrupt_cache_is_made_again(results: Path, data: Path, say: Say, tmp_path: Path) -> None:
    say(RUN, results, code=0)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(b"garbage")
    say(RUN, results, code=0)
    cache = shutil.copytree(data.parents[1], tmp_path / "copy")
    (complete,) = cache.rglob("complete.json")
    whole = complete.read_bytes()
    complete.write_bytes(b"garbage")
    ensure_embedded(cache, 2)
    assert complete.read_bytes() == whole


def test_a_cache_that_cannot_be_written(
    study: Study[Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "file"))
    assert main_study(study, ["--local", "--out", str(tmp_path / "results")]) == 2
    text = printed(capsys)
    assert f"{tmp_path / 'file'} can't be written: a file has that name" in text
    assert "RETABLE_CACHE for the cache" in text
