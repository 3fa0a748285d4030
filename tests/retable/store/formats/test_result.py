import json
from dataclasses import replace
from pathlib import Path

import pytest

from retable.io.sealed import DamagedFile
from retable.store.formats.result import ConflictingResults, TrialResult, agreed_result
from retable.trial.learner import Best, Score

RESULT = TrialResult(
    signature="abc",
    seed=3,
    state="collapsed",
    best=400,
    scores={"is": Score(1.93, 0.04, 10), "fid": Score(7.0)},
    best_by=Best("is", "max"),
    iterations=700,
    collapsed_at=700,
    history={200: {"is": 1.5}, 400: {"is": 1.9}},
    seconds={200: 1.25, 400: 2.5},
    splits={300: 2},
    train_seconds=4.0,
    evaluation_seconds=1.5,
    pieces_seconds=0.5,
    workers=2,
    device="CPU",
    peak_memory_mb=12.5,
    gflops=0.25,
    commit="0123",
)


def test_a_result_comes_back(tmp_path: Path) -> None:
    assert TrialResult.read(tmp_path) is None
    RESULT.write(tmp_path)
    assert TrialResult.read(tmp_path) == RESULT
    assert json.loads((tmp_path / "result.json").read_bytes()) == RESULT.to_json()


def test_a_result_of_the_first_version_is_read() -> None:
    record = {
        "signature": "abc",
        "seed": 3,
        "state": "done",
        "best": 400,
        "scores": {"is": {"value": 1.93, "std": None, "repeats": 1}},
        "train_seconds": 50,
        "evaluation_seconds": 10.5,
        "workers": 2,
        "device": "CPU",
    }
    result = TrialResult.parse(json.dumps(record).encode(), "a file")
    assert not result.sealed
    assert result == TrialResult(
        "abc",
        3,
        "done",
        400,
        {"is": Score(1.93)},
        train_seconds=50.0,
        evaluation_seconds=10.5,
        workers=2,
        device="CPU",
    )


def test_a_changed_digit_is_noticed(tmp_path: Path) -> None:
    RESULT.write(tmp_path)
    path = tmp_path / "result.json"
    path.write_text(path.read_text().replace("1.93", "1.98"))
    with pytest.raises(
        DamagedFile, match=r"result\.json was changed after it was written.*; restore a copy of it"
    ):
        TrialResult.read(tmp_path)


def test_the_ledgers_copy_is_compared_by_its_numbers() -> None:
    content, copy = json.dumps(RESULT.to_json()).encode(), RESULT.to_json()
    assert agreed_result("abc", content, copy) == RESULT
    assert agreed_result("abc", None, copy) == RESULT
    assert agreed_result("abc", None, None) is None
    with pytest.raises(ConflictingResults, match="and the ledger's copy of it differ; .*--trial abc"):
        agreed_result("abc", content, replace(RESULT, train_seconds=4.5).to_json())
    with pytest.raises(DamagedFile, match="is the result of trial abc, expected def"):
        agreed_result("def", content, None)
