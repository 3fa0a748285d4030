"""A finished trial whose weights are gone is trained again when asked, and nothing else is."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from retable.cli.actions import training
from retable.cli.arguments.request import Request
from retable.cli.commands.retry import retry_trials
from retable.environment.process import ProcessIdentity
from retable.execution.restart import restart
from retable.execution.sync import results_folder
from retable.planning.plan import Plan, make_plan
from retable.store.ledger import Ledger
from retable.store.trained import trained


@pytest.fixture(scope="module")
def plan(walking: ModuleType) -> Plan[Any]:
    return make_plan(walking.STUDY, walking.STUDY.scales["smoke"], "data")


@pytest.fixture(scope="module")
def finished(
    walking: ModuleType, plan: Plan[Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Request]:
    """Trained to its end: a judge, and three that are scored by it."""
    folder = tmp_path_factory.mktemp("finished")
    request = Request(
        study=walking.STUDY,
        scale=walking.STUDY.scales["smoke"],
        results=folder / "results",
        local=True,
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "prepare", lambda request, console: (folder, plan))
        patched.setenv("WALKING_PAUSE", "0")
        assert training.run(request, console()) == 0
        yield request


@pytest.fixture
def study(finished: Request, tmp_path: Path) -> Request:
    """The same in a folder of its own."""
    shutil.copytree(finished.results, tmp_path / "results")
    return replace(finished, results=tmp_path / "results")


def console() -> Console:
    return Console(file=io.StringIO(), width=1000)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def attempts(results: Path) -> dict[str, list[str]]:
    with Ledger(results / "ledger.db") as ledger:
        return {record.name: [one.state for one in record.attempts] for record in ledger.trials()}


def test_only_the_trial_that_is_named_is_trained_again_and_comes_out_the_same(
    study: Request, plan: Plan[Any]
) -> None:
    judge = plan.trials[0]
    folder = study.results / "trials" / judge.signature
    before = json.loads((folder / "result.json").read_bytes())
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(FileNotFoundError, match=f"retable retry STUDY --trial {judge.signature}"):
        trained(folder)

    told = console()
    assert retry_trials(study, told, judge.signature[:8]) == 0
    aside = study.results / "set-aside" / f"{judge.signature}-1"
    assert f"its former folder is {aside}" in said(told)
    states = attempts(study.results)
    assert states.pop("judge") == ["failed", "done"]
    assert set(map(tuple, states.values())) == {("done",)}
    assert trained(folder).result.to_json()["scores"] == before["scores"]
    assert json.loads((aside / "result.json").read_bytes()) == before


def test_what_learned_from_it_can_be_trained_again_after_it(study: Request, plan: Plan[Any]) -> None:
    for planned in plan.trials[:2]:
        assert retry_trials(study, console(), planned.signature) == 0
    assert [len(states) for states in attempts(study.results).values()] == [2, 2, 1, 1]


def test_a_crash_before_its_folder_was_set_aside_changes_nothing(
    study: Request, plan: Plan[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(source: Path, goal: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            retry_trials(study, console(), plan.trials[0].signature)
    assert attempts(study.results)["judge"] == ["failed"]
    assert training.run(study, console()) == 0
    assert attempts(study.results)["judge"] == ["failed", "done"]
    with Ledger(study.results / "ledger.db") as ledger:
        assert ledger.attempts(plan.trials[0].signature)[-1].message == "found in its folder"


def test_a_folder_that_was_deleted_is_made_again(study: Request, plan: Plan[Any]) -> None:
    folder = study.results / "trials" / plan.trials[0].signature
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError, match=f"if the folder was deleted .* --trial {folder.name}"):
        trained(folder)
    assert retry_trials(study, console(), folder.name) == 0
    assert trained(folder).result.state == "done"


def test_what_is_not_finished_goes_on_where_it_was(study: Request, plan: Plan[Any]) -> None:
    signature = plan.trials[0].signature
    with Ledger(study.results / "ledger.db") as ledger:
        restart(study.results, ledger, signature)
        ledger.finish(ledger.begin(signature), "stopped")
    told = console()
    assert retry_trials(study, told, signature) == 0
    assert f"Trial {signature} (judge) is stopped: it goes on." in said(told)
    assert attempts(study.results)["judge"] == ["failed", "stopped", "done"]


def test_nothing_is_moved_while_trials_are_being_trained(study: Request, plan: Plan[Any]) -> None:
    judge, other = plan.trials[0].signature, plan.trials[1]
    with Ledger(study.results / "ledger.db") as ledger:
        restart(study.results, ledger, other.signature)
        elsewhere = replace(ProcessIdentity.current(), host="elsewhere", boot="another", namespace="another")
        ledger.begin(other.signature, owner=elsewhere)
        with pytest.raises(ValueError, match=f"{other.name}: being trained from the results in"):
            restart(study.results, ledger, judge)
        assert ledger.trial(judge).state == "done"
    assert (study.results / "trials" / judge / "result.json").exists()


@pytest.mark.parametrize(
    ("trial", "message"),
    [("nonsense", "but 'nonsense' fits 0 of 4; `status` lists them"), ("", "but '' fits 4 of 4")],
)
def test_a_trial_that_is_not_one_of_the_studys_is_refused(study: Request, trial: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        retry_trials(study, console(), trial)


def test_a_trial_that_this_run_would_not_train_is_refused(
    study: Request, plan: Plan[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = replace(plan, trials=plan.trials[:2])
    monkeypatch.setattr(training, "prepare", lambda request, console: (study.results, fewer))
    with pytest.raises(ValueError, match="is not in the plan: name its tables, seeds and iterations"):
        retry_trials(study, console(), plan.trials[2].signature)


def test_results_under_a_url_and_those_that_are_not_there_are_refused(
    study: Request, plan: Plan[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    away = results_folder(f"file://{tmp_path}/away")
    with pytest.raises(ValueError, match="where results live under a URL"):
        retry_trials(replace(study, results=away), console(), plan.trials[0].signature)
    with pytest.raises(ValueError, match="nothing was trained with --out .*new: leave --trial 12ab away"):
        retry_trials(replace(study, results=tmp_path / "new"), console(), "12ab")


def test_tables_are_the_same_where_the_folders_were_deleted_to_make_room(study: Request) -> None:
    before, after = console(), console()
    assert training.run(study, before) == 0
    shutil.rmtree(study.results / "trials")
    assert training.run(study, after) == 0
    assert said(after) == said(before)
    assert "4 finished, 0 to train" in said(after)
    assert "not run" not in said(after)
