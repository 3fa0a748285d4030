"""What the command tells the shell when it ends before its trials."""

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from retable.cli.actions import training
from retable.cli.arguments.request import Request
from retable.execution.execution import Execution
from retable.planning.plan import make_plan


def fails(execution: Execution) -> None:
    """Nothing is trained, and nobody asked for that."""


@pytest.mark.parametrize(("runner", "code"), [(Execution.request_stop, 130), (fails, 1)])
def test_ctrl_c_is_told_to_the_shell_wherever_it_fell(
    walking: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    runner: Callable[[Execution], None],
    code: int,
) -> None:
    scale = walking.STUDY.scales["smoke"]
    plan = make_plan(walking.STUDY, scale, "data")
    monkeypatch.setattr(training, "prepare", lambda request, console: (tmp_path, plan))
    monkeypatch.setattr(training, "_runner", lambda request: runner)  # between two trials: none is stopped
    request = Request(
        study=walking.STUDY,
        scale=scale,
        results=tmp_path / "results",
        local=True,
    )
    assert training.run(request, Console(file=io.StringIO())) == code
