"""A search asks nothing twice and loses nothing, whatever was killed, and Optuna's storage says the same as our record."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import optuna
import optuna_dashboard
import pytest
from optuna.trial import FrozenTrial, TrialState

from retable.execution.execution import Execution
from retable.search.controller import search_lock
from retable.search.summary import tuned_cells
from retable.store.formats.result import TrialResult
from retable.store.ledger import Ledger
from retable.study.search import Choice, Halving, Variant

SCRIPT = Path(__file__).with_name("valley.py")


@pytest.fixture(scope="module")
def results(valley: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the search is over."""
    folder = tmp_path_factory.mktemp("search")
    valley.search(folder)
    return folder


@pytest.fixture
def copied(results: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(results, tmp_path / "results"))


def points(results: Path) -> list[list[dict[str, Any]]]:
    files = sorted((results / "search" / "valley" / "points").glob("*.json"))
    return [json.loads(file.read_text())["points"] for file in files]


def attempts(results: Path) -> dict[str, list[str]]:
    with Ledger(results / "ledger.db") as ledger:
        return {record.name: [attempt.state for attempt in record.attempts] for record in ledger.trials()}


def shown(results: Path) -> dict[str, list[FrozenTrial]]:
    """Optuna's trials by its studies' names."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{results / 'optuna.db'}")
    names = sorted(study.study_name for study in optuna.get_all_study_summaries(storage))
    trials = {name: optuna.load_study(study_name=name, storage=storage).get_trials() for name in names}
    storage.engine.dispose()
    return trials


def sound(results: Path) -> None:
    """Record, ledger and storage agree on a search that is over."""
    for cell, trials in zip(points(results), shown(results).values(), strict=True):
        assert [trial.user_attrs["signature"] for trial in trials] == [point["signature"] for point in cell]
        assert [trial.params for trial in trials] == [point["point"] for point in cell]
        assert len({point["signature"] for point in cell}) == 6
        for trial, point in zip(trials, cell, strict=True):
            kept = all(rung["kept"] for rung in point["rungs"].values())
            assert trial.state == (TrialState.COMPLETE if kept else TrialState.PRUNED)
            if kept:
                folder = results / "trials" / point["signature"]
                scores = json.loads((folder / "result.json").read_text())["scores"]
                assert trial.values == [score["value"] for score in scores.values()]
            assert {
                int(at): rung["value"] for at, rung in point["rungs"].items()
            } == trial.intermediate_values
    finals = {name: states[-1] for name, states in attempts(results).items()}
    assert set(finals.values()) == {"done", "pruned"}
    assert all(states.count("done") + states.count("pruned") == 1 for states in attempts(results).values())


def test_every_cell_is_given_its_points_and_its_winner_the_seeds(results: Path) -> None:
    sound(results)
    names = attempts(results)
    assert len(names) == 1 + 2 * 6 + 2  # the judge, the points, and the winners at the second seed
    assert [name for name in names if "winner" in name] == [
        "place, s_t = 1 winner seed=1",
        "place, s_t = 2 winner seed=1",
    ]
    assert all(cell[0]["point"] == {"x": 4.0} for cell in points(results))
    first, second = ({point["point"]["x"] for point in cell[1:]} for cell in points(results))
    assert not first & second  # two cells draw apart


def test_the_halving_is_the_rule_applied_to_the_arrivals(results: Path, valley: ModuleType) -> None:
    rule: Halving = valley.SEARCH.pruner
    decided = []
    for cell in points(results):
        arrived: dict[str, list[float]] = {"1": [], "2": []}
        for point in cell:
            for rung, arrival in point["rungs"].items():
                assert arrival["kept"] == rule.keeps(arrival["value"], arrived[rung], higher_is_better=True)
                arrived[rung].append(arrival["value"])
                decided.append(arrival["kept"])
    assert {True, False} == set(decided)


def test_a_pruned_trial_was_stopped_at_its_rung(results: Path) -> None:
    with Ledger(results / "ledger.db") as ledger:
        pruned = [record for record in ledger.trials() if record.state == "pruned"]
    assert pruned
    for record in pruned:
        assert record.attempts[-1].message.startswith("ended by successive halving at iteration")
        assert not (results / "trials" / record.signature / "result.json").exists()


def test_the_second_run_trains_nothing_and_changes_nothing(copied: Path, valley: ModuleType) -> None:
    before = points(copied), attempts(copied)
    run: Execution = valley.search(copied)
    assert not run.running
    assert (points(copied), attempts(copied)) == before
    sound(copied)


def test_more_points_go_on_where_it_was(copied: Path, valley: ModuleType) -> None:
    before = points(copied)
    longer = replace(valley.STUDY, searches=(replace(valley.SEARCH, points={"smoke": 7}),))
    valley.search(copied, longer)
    after = points(copied)
    assert [cell[:6] for cell in after] == before
    assert [len(cell) for cell in after] == [7, 7]


def test_the_storage_can_be_lost(copied: Path, valley: ModuleType) -> None:
    (copied / "optuna.db").unlink()
    valley.search(copied)
    sound(copied)


def test_a_point_whose_trial_is_finished_costs_nothing(
    results: Path, tmp_path: Path, valley: ModuleType
) -> None:
    """The search's own record is lost: the same points are proposed, and the finished ones are told at once."""
    shutil.copytree(results / "trials", tmp_path / "trials")
    valley.search(tmp_path)
    sound(tmp_path)
    assert [[p["point"] for p in cell] for cell in points(tmp_path)] == [
        [p["point"] for p in cell] for cell in points(results)
    ]
    for folder in (tmp_path / "trials").iterdir():
        had = (results / "trials" / folder.name / "result.json").exists()
        assert len(list((folder / "outbox").iterdir())) == 1 if had else True


def test_a_failed_point_is_tried_again_when_asked_and_keeps_its_number(
    tmp_path: Path, valley: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            valley.Valley, "state", lambda self: 1 / 0 if self.config.x == 4.0 else {"steps": self.steps}
        )
        valley.search(tmp_path)
    assert [t.state for t in next(iter(shown(tmp_path).values()))].count(TrialState.FAIL) == 1
    before = points(tmp_path)
    valley.search(tmp_path, asked=frozenset({"code"}))
    assert [[p["point"] for p in cell] for cell in points(tmp_path)] == [
        [p["point"] for p in cell] for cell in before
    ]
    trials = next(iter(shown(tmp_path).values()))
    first, second = (t.state for t in trials if t.user_attrs["point"] == 0)
    assert first == TrialState.FAIL
    assert second in {
        TrialState.COMPLETE,
        TrialState.PRUNED,
    }  # the others have been at its rungs before it by now


def test_a_config_that_refuses_a_value_is_not_asked(tmp_path: Path, valley: ModuleType) -> None:
    """A space of two options, of which one is no config: there is one point, and it is said why."""
    kind = Choice[Any]("kind", {"fine": lambda c: c, "bad": lambda c: replace(c, x=-1.0)})
    one = replace(valley.SEARCH, space=(kind,), first=(), grid=(Variant[Any](),))
    told: list[str] = []
    valley.search(tmp_path, replace(valley.STUDY, searches=(one,)), told)
    assert [[p["point"] for p in cell] for cell in points(tmp_path)] == [[{"kind": "fine"}]]
    assert told[0].startswith(
        "place: no more than 1 points: 100 suggestions gave no new trial; kind=bad: x must be"
    )


def test_two_protocols_are_not_compared(copied: Path, valley: ModuleType) -> None:
    done = next(p for p in points(copied)[0] if all(rung["kept"] for rung in p["rungs"].values()))
    folder = copied / "trials" / done["signature"]
    result = TrialResult.read(folder)
    assert result is not None
    scores = {name.replace("is8x1", "is16x1"): score for name, score in result.scores.items()}
    replace(result, scores=scores).write(folder)
    cells = tuned_cells(valley.STUDY, valley.STUDY.scales["smoke"], "data", copied)
    with pytest.raises(
        ValueError, match="is was measured by different protocols, which can't be compared: is16x1"
    ):
        [cell.point_results() for cell in cells]


def test_one_process_searches_at_a_time(tmp_path: Path) -> None:
    with (
        search_lock(tmp_path),
        pytest.raises(BlockingIOError, match="another process is searching in"),
        search_lock(tmp_path),
    ):
        pass
    with search_lock(tmp_path):
        pass


def kills(folder: Path, first: int, step: int) -> list[int]:
    command = [sys.executable, str(SCRIPT), "kills", str(folder), str(first), str(step)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    moments = [int(line) for line in done.stdout.splitlines()]
    reference, killed = folder / "reference", folder / "killed"
    sound(killed)
    assert points(killed) == points(reference)
    ends = [{name: states[-1] for name, states in attempts(at).items()} for at in (killed, reference)]
    assert ends[0] == ends[1]
    return moments


def test_a_search_that_is_killed_again_and_again_is_the_search_left_alone(tmp_path: Path) -> None:
    assert len(kills(tmp_path, 6, 9)) > 8


@pytest.mark.slow
def test_a_search_that_is_killed_at_each_durable_write_is_the_search_left_alone(tmp_path: Path) -> None:
    for first in (6, 7, 8):
        assert len(kills(tmp_path / str(first), first, 3)) > 15


@pytest.fixture
def dashboard(results: Path) -> Iterator[Callable[[str], Any]]:
    """Asks optuna-dashboard, in this process, over the search's storage."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{results / 'optuna.db'}")
    application = optuna_dashboard.wsgi(storage)

    def get(path: str) -> Any:
        status: list[str] = []
        environment = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
        }
        body = b"".join(application(environment, lambda code, headers, error=None: status.append(code)))
        assert status == ["200 OK"], body
        return json.loads(body)

    yield get
    storage.engine.dispose()


def test_optuna_dashboard_opens_the_storage(dashboard: Callable[[str], Any], results: Path) -> None:
    studies = dashboard("/api/studies")["study_summaries"]
    assert {study["study_name"].rpartition(" ")[0] for study in studies} == {
        "valley/smoke/x/place, s_t = 1",
        "valley/smoke/x/place, s_t = 2",
    }
    detail = dashboard(f"/api/studies/{studies[0]['study_id']}")
    assert len(detail["trials"]) == 6
    assert detail["directions"] == ["maximize", "minimize"]
    assert {trial["state"] for trial in detail["trials"]} == {"Complete", "Pruned"}
