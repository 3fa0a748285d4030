"""A search hands Tune points as worker groups become free; on a Ray of its own, as a user runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher

from retable.cluster.dispatch import Dispatch
from retable.cluster.run import PlanSearcher
from retable.data.embedded.clips import ensure_embedded
from retable.execution.execution import Execution
from retable.planning.placement import Node, WorkerGroup
from retable.search.controller import SearchController
from retable.search.optuna import OptunaStorage
from retable.search.summary import search_plan, tuned_cells
from retable.store.formats.result import TrialResult
from retable.store.ledger import Ledger
from retable.trial.learner import Score
from tests.retable.cluster.machines import Answering

SCRIPT = Path(__file__).parents[1] / "search" / "valley.py"


@pytest.fixture
def execution(valley: ModuleType, tmp_path: Path) -> Iterator[Execution]:
    scale = valley.STUDY.scales["smoke"]
    cells = tuned_cells(valley.STUDY, scale, "data", tmp_path)
    plan = search_plan(valley.STUDY, scale, "data", cells, winners=False)
    with Ledger(tmp_path / "ledger.db") as ledger:
        run = Execution(plan, tmp_path, tmp_path, ledger)
        storage = OptunaStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
        SearchController(run, cells, storage, scale.seeds, lambda message: None)
        yield run
        storage.close()


def test_a_point_is_asked_when_there_is_room_for_its_worker_group(
    valley: ModuleType, execution: Execution
) -> None:
    machines, names = Answering([Node("one", {"CPU": 3})]), count()
    searcher = PlanSearcher(Dispatch(execution, WorkerGroup(workers=1), machines))
    live: dict[str, str] = {}
    most = trained = 0
    while (config := searcher.suggest(name := f"trial-{next(names)}")) != Searcher.FINISHED or live:
        if isinstance(config, dict):
            live[name] = config["signature"]
            most = max(most, len(live))
            continue
        assert live, "nothing runs and nothing is handed out: a deadlock"
        assert isinstance(execution.proposer, SearchController)
        asked = sum(len(tuning.history) for tuning in execution.proposer.cells)
        assert asked <= trained + len(live)  # the judge is trained and no point; a point may wait for it
        trial_id, signature = live.popitem()
        scores = {valley.IS: Score(5.0), valley.FID: Score(5.0)}
        TrialResult(signature, 0, "done", 3, scores, device="CPU").write(execution.folder(signature))
        searcher.on_trial_complete(trial_id)
        trained += 1
    assert most == 3
    assert trained == 1 + 2 * 6 + 2
    assert set(execution.states.values()) == {"done"}


@pytest.mark.slow
def test_a_search_on_ray_tells_optuna_what_was_trained(tmp_path: Path) -> None:
    ensure_embedded(tmp_path / "cache", 2)
    environment = {**os.environ, "RETABLE_CACHE": str(tmp_path / "cache")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, str(SCRIPT), "--scale", "tiny", "--workers", "1", "--out", "results"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'results' / 'optuna.db'}")
    for summary in optuna.get_all_study_summaries(storage):
        trials = optuna.load_study(study_name=summary.study_name, storage=storage).get_trials()
        assert len({trial.params["x"] for trial in trials}) == 2
        for trial in trials:
            folder = tmp_path / "results" / "trials" / trial.user_attrs["signature"]
            if trial.state == TrialState.COMPLETE:
                assert json.loads((folder / "result.json").read_text())["state"] == "done"
            else:
                assert trial.state == TrialState.PRUNED
    storage.engine.dispose()
    assert (tmp_path / "results" / "search" / "valley" / "x_pareto.png").exists()
