"""The search of λ as declared: what is tuned at each scale, and that every end of its range is a config."""

from pathlib import Path

import pytest

from retable.cli.arguments.study_file import load_study
from retable.cli.main import main_study
from retable.search.summary import search_plan, tuned_cells

STUDY = load_study(Path(__file__).parents[2] / "studies" / "lambda_search.py")


@pytest.mark.parametrize(("scale", "cells", "points"), [("smoke", 3, 2), ("toy", 4, 8), ("paper", 4, 20)])
def test_the_cells_of_each_scale(scale: str, cells: int, points: int, tmp_path: Path) -> None:
    found = tuned_cells(STUDY, STUDY.scales[scale], "0" * 64, tmp_path)
    assert len(found) == cells
    assert {tuning.wanted for tuning in found} == {points}
    for tuning in found:
        for value in (0.02, 50.0):
            assert tuning.config({"lambda": value}).lam == value
    plan = search_plan(STUDY, STUDY.scales[scale], "0" * 64, found, winners=False)
    assert [planned.trial.config.trainable for planned in plan.trials] == ["c3d"]
    assert not list(tmp_path.iterdir())


def test_the_papers_values_are_asked_first(tmp_path: Path) -> None:
    found = tuned_cells(STUDY, STUDY.scales["paper"], "0" * 64, tmp_path)
    first = {}
    for tuning in found:
        asked = tuning.suggest([])
        assert asked is not None
        first[tuning.cell.label] = asked.point["lambda"]
    assert first == {
        "Our model, s_t = 2": 0.5,
        "Our model, s_t = 4": 0.5,
        "3D dis. only": 10.0,
        "3D + 2D dis.": 10.0,
    }


def test_the_plan_shows_the_space_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    assert main_study(STUDY, ["--plan", "--out", str(tmp_path / "results")]) == 0
    output = capsys.readouterr().out
    assert "lambda in [0.02, 50], log" in output
    assert "3D dis. only" in output
    assert "Nothing was started" in output
    assert not (tmp_path / "results").exists()
    assert main_study(STUDY, ["--plan", "--tables", "nothing"]) == 2
    assert "declares no table 'nothing'; it has proposed, baselines" in capsys.readouterr().out
