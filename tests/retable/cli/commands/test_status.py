"""What status prints: states, classes, how far, and on demand every traceback. It reads while another process trains."""

import io
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from retable.cli.actions.live.view import LiveView
from retable.cli.arguments.request import Request
from retable.cli.commands.status import show_status
from retable.execution import local
from retable.execution.execution import Execution
from retable.planning.plan import Plan, make_plan
from retable.store.ledger import Ledger
from retable.store.metrics_log import MetricsLog

NAME = "accuracy8x1_bilinear32_test_data-123456"


@pytest.fixture
def plan(walking: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Plan[Any]:
    monkeypatch.setattr(Request, "fingerprint", lambda request, console: "data")
    return make_plan(walking.STUDY, walking.STUDY.scales["smoke"], "data")


@pytest.fixture
def request_(walking: ModuleType, tmp_path: Path) -> Request:
    return Request(
        study=walking.STUDY,
        scale=walking.STUDY.scales["smoke"],
        results=tmp_path,
        local=True,
    )


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_failure_shows_its_class_and_its_traceback_in_full(
    plan: Plan[Any], request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    (faults / "error-2").touch()
    monkeypatch.setenv("WALKING_FAULTS", str(faults))
    with Ledger(tmp_path / "ledger.db") as ledger:
        local.run_plan(Execution(plan, tmp_path, tmp_path, ledger))
    overview = console()
    assert show_status(request_, overview) == 0
    line = next(line for line in said(overview).splitlines() if "s_t=2" in line)
    assert "failed: code" in line
    assert "20/40" in line
    assert "ArithmeticError: asked to fail at iteration 25" in line
    assert "Traceback" not in said(overview)
    assert "4 trials: 3 done, 1 failed." in said(overview)
    assert "--trial and the signature in the first column" in said(overview)
    assert max(map(len, said(overview).splitlines())) <= 140
    full = console()
    assert show_status(request_, full, line.split()[0]) == 0
    assert "attempt 1: failed: code at iteration 20" in said(full)
    assert "Traceback (most recent call last)" in said(full)
    assert "in _obey" in said(full)
    with pytest.raises(ValueError, match=r"--trial must be .* but 'xyz' fits 0 of 4; `status` lists them"):
        show_status(request_, console(), "xyz")


def test_a_running_trial_shows_how_far_it_is(plan: Plan[Any], request_: Request, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        execution = Execution(plan, tmp_path, tmp_path, ledger)
        assignment = execution.begin(plan.trials[0])
        assert assignment is not None
        before = console()
        show_status(request_, before)
        assert "starting its workers" in said(before)
        with MetricsLog(assignment.folder, assignment.attempt) as metrics_log:
            metrics_log.write(5, {"place": 1.0, "iterations_per_second": 2.5})
            metrics_log.write(5, {NAME: 0.75}, kind="evaluation")
            now = console()
            show_status(request_, now)
    line = next(line for line in said(now).splitlines() if "judge" in line)
    assert "running" in line
    assert "5/10" in line
    assert "2.5 it/s  accuracy 0.75" in line
    assert said(now).count("missing") == 4  # a line for each, and their number
    assert "4 trials: 1 running, 3 missing." in said(now)


def test_nothing_was_run(plan: Plan[Any], request_: Request) -> None:
    told = console()
    assert show_status(request_, told) == 0
    assert "does not exist: nothing was run" in said(told)


def test_the_board_counts_cells_trials_and_cost(plan: Plan[Any], tmp_path: Path) -> None:
    told = console()
    board = LiveView(told)
    with Ledger(tmp_path / "ledger.db") as ledger:
        execution = Execution(plan, tmp_path, tmp_path, ledger, (board,))
        with board.watching(execution):
            line = r"0 of 4 trials finished, 0 of 3 cells, (\d+ min )?\d+ s, 0\.00 worker-hours"
            assert re.match(line, board._line())
            assignment = execution.begin(plan.trials[0])
            assert assignment is not None
            assert board._line().endswith(" | judge 0/10 starting its workers")
            with MetricsLog(assignment.folder, assignment.attempt) as metrics_log:
                metrics_log.write(5, {"place": 1.0, "iterations_per_second": 2.5})
                assert board._line().endswith(" | judge 5/10 2.5 it/s  ")
                metrics_log.write(10, {NAME: 0.75}, kind="evaluation")
            assert board._line().endswith("| judge 10/10 final evaluation  accuracy 0.75")
            execution.end(assignment, "stopped")
            local.run_plan(execution)
            assert board._line().startswith("3 of 4 trials finished, 3 of 3 cells") is False
    assert "stopped  judge in" in said(told)
