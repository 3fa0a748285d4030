import json
from pathlib import Path

import pytest

from retable.costs.throughput import TrialThroughput
from retable.io.sealed import sealed
from retable.report.results.load import Result, load_results
from retable.trial.learner import Score

IS = "is2048x10_c3d-1a2b3c_acc0.983_bilinear112_s1_data-5d6e7f"
CONTENT = {
    "signature": "abc",
    "seed": 3,
    "state": "done",
    "best": 400,
    "iterations": 1000,
    "collapsed_at": None,
    "scores": {IS: {"value": 1.93, "std": 0.04, "repeats": 10}},
    "history": {"400": {IS: 1.9}},
    "seconds": {"400": 21.5},
    "train_seconds": 50.0,
    "evaluation_seconds": 10.5,
    "workers": 2,
    "device": "CPU",
}


def load(results: Path, text: str, **states: str) -> Result:
    path = results / "trials" / "abc" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return load_results(results, ["abc"], states)["abc"]


def test_a_finished_trial(tmp_path: Path) -> None:
    assert load(tmp_path, json.dumps(CONTENT)) == Result(
        signature="abc",
        state="done",
        seed=3,
        scores={IS: Score(1.93, 0.04, 10)},
        iteration=400,
        wall_seconds=60.5,
        worker_seconds=121.0,
        history={400: {IS: 1.9}},
        seconds={400: 21.5},
        throughput=TrialThroughput(
            iteration=1000, seconds=0.05, evaluation_seconds=10.5, workers=2, device="CPU"
        ),
    )


def test_work_in_pieces_is_counted_for_one_worker(tmp_path: Path) -> None:
    result = load(tmp_path, json.dumps({**CONTENT, "pieces_seconds": 7.5}))
    assert (result.wall_seconds, result.worker_seconds) == (68.0, 128.5)
    gpu = json.dumps({**CONTENT, "pieces_seconds": 7.5, "device": "Tesla P100"})
    assert load(tmp_path / "another", gpu).gpu_hours == 128.5 / 3600


def test_only_gpus_have_gpu_hours(tmp_path: Path) -> None:
    for device, hours in (("CPU AMD EPYC, 2 threads", None), ("AMD Instinct MI300X", 121 / 3600)):
        result = load(tmp_path / device, json.dumps({**CONTENT, "device": device}))
        assert result.gpu_hours == hours


def test_what_made_a_snapshot_the_best(tmp_path: Path) -> None:
    content = {**CONTENT, "best_by": {"metric": "fid", "mode": "min"}}
    assert load(tmp_path, json.dumps(content)).best_by == "lowest FID"
    untrained = {**content, "best": 0, "iterations": 0}
    assert load(tmp_path / "another", json.dumps(untrained)).best_by == ""


def test_a_collapsed_trial_says_when(tmp_path: Path) -> None:
    content = {**CONTENT, "state": "collapsed", "collapsed_at": 620}
    assert load(tmp_path, json.dumps(content)).state_text == "collapsed at 620"


def test_a_micro_batch_that_was_cut_for_its_memory_is_said_in_the_cell(tmp_path: Path) -> None:
    halved = load(tmp_path, json.dumps({**CONTENT, "splits": {"200": 2}}))
    assert (halved.state, halved.state_text) == (
        "done",
        "micro-batch halved: 2× accumulate, for want of memory",
    )
    content = {**CONTENT, "splits": {"0": 4, "10": 1}, "state": "collapsed", "collapsed_at": 20}
    assert load(tmp_path / "another", json.dumps(content)).state_text == (
        "collapsed at 20, micro-batch cut in 4: 4× accumulate, for want of memory"
    )


def test_a_trial_that_collapsed_before_its_first_snapshot(tmp_path: Path) -> None:
    content = {**CONTENT, "state": "collapsed", "collapsed_at": 20, "best": None, "scores": {}}
    result = load(tmp_path, json.dumps(content))
    assert (result.iteration, result.scores) == (None, {})


def test_the_folder_is_believed_before_the_ledger(tmp_path: Path) -> None:
    assert load(tmp_path, json.dumps(CONTENT), abc="running").state == "done"


def test_without_a_result_the_ledger_speaks(tmp_path: Path) -> None:
    states = {"b": "failed", "c": "running", "d": "done"}
    results = load_results(tmp_path, ["a", "b", "c", "d"], states, {"b": "out of memory"})
    assert [results[name].state_text for name in "abc"] == ["not run", "failed", "running"]
    assert results["b"].note == "out of memory"
    assert results["d"].state == "missing"  # its folder is gone, and its number with it


def test_the_ledgers_copy_of_a_result_counts_where_the_folder_is_gone(tmp_path: Path) -> None:
    expected = load(tmp_path, json.dumps(CONTENT))
    (tmp_path / "trials" / "abc" / "result.json").unlink()
    assert load_results(tmp_path, ["abc"], {"abc": "done"}, recorded={"abc": CONTENT})["abc"] == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"signature": "abc", "sta', "is damaged"),
        ("[]", "must hold a JSON object"),
        (json.dumps({**CONTENT, "signature": "def"}), "result of trial def, expected abc"),
        (json.dumps({**CONTENT, "state": "running"}), "state must be one of"),
        (json.dumps({**CONTENT, "scores": {IS: {"value": float("nan"), "std": None, "repeats": 1}}}), "NaN"),
        (
            json.dumps({**CONTENT, "scores": {IS: {"value": None, "std": None, "repeats": 1}}}),
            "must have a value",
        ),
        (json.dumps({name: CONTENT[name] for name in CONTENT if name != "workers"}), "workers"),
    ],
)
def test_a_file_that_cant_be_believed_gives_no_number(tmp_path: Path, text: str, reason: str) -> None:
    result = load(tmp_path, text)
    assert (result.state, result.scores) == ("unreadable", {})
    assert reason in result.note
    assert "result.json" in result.note


SEALED = json.dumps(sealed(CONTENT))
CHANGED = SEALED.replace("1.93", "1.98")
OLD, OLD_CHANGED = json.dumps(CONTENT), json.dumps(CONTENT).replace("1.93", "1.98")


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        (SEALED, SEALED),
        (OLD, OLD),
        (OLD, SEALED),
        (SEALED, OLD),
        (CHANGED, SEALED),
        (SEALED, CHANGED),
        (OLD_CHANGED, SEALED),
        (SEALED, OLD_CHANGED),
        ("", OLD),
        (OLD, "{}"),
        (SEALED, None),
        (OLD, None),
    ],
)
def test_the_sound_one_of_a_result_and_the_ledgers_copy_counts(
    tmp_path: Path, text: str, recorded: str | None
) -> None:
    path = tmp_path / "trials" / "abc" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    copies = {} if recorded is None else {"abc": json.loads(recorded)}
    found = load_results(tmp_path, ["abc"], {"abc": "done"}, recorded=copies)["abc"]
    assert found.scores == {IS: Score(1.93, 0.04, 10)}
    assert path.read_text() == text  # a report changes nothing


@pytest.mark.parametrize(
    ("text", "recorded", "reason"),
    [
        (OLD_CHANGED, OLD, "trials/abc/result.json and the ledger's copy of it differ"),
        (SEALED, json.dumps(sealed({**CONTENT, "seed": 4})), "the ledger's copy of it differ"),
        (CHANGED, CHANGED, "was changed after it was written"),
        (CHANGED, None, "trials/abc/result.json was changed after it was written"),
    ],
)
def test_a_result_that_nothing_vouches_for_costs_its_own_cell(
    tmp_path: Path, text: str, recorded: str | None, reason: str
) -> None:
    for signature, content in (("abc", text), ("def", json.dumps(sealed({**CONTENT, "signature": "def"})))):
        path = tmp_path / "trials" / signature / "result.json"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    copies = {} if recorded is None else {"abc": json.loads(recorded)}
    found = load_results(tmp_path, ["abc", "def"], {"abc": "done"}, recorded=copies)
    assert (found["abc"].state, found["abc"].scores) == ("unreadable", {})
    assert reason in found["abc"].note
    assert "retable retry STUDY --trial abc" in found["abc"].note
    assert found["def"].state == "done"
