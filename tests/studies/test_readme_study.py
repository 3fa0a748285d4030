"""The study in the README runs as it stands there, and grows by one line."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from retable.cli.arguments.study_file import load_study
from retable.cli.main import main
from retable.data.embedded.clips import ensure_embedded
from retable.evaluation.config import Evaluation
from trainables.classifiers.c3d.scales import SMALL
from trainables.video_gan import scales
from trainables.video_gan.config import VideoGANConfig

README = Path(__file__).parents[2] / "README.md"
(TEXT,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
(ROW,) = re.findall(r"`(Row\(.*\),)`", README.read_text(encoding="utf-8"))

smoke = scales.smoke


def tiny(config: VideoGANConfig) -> VideoGANConfig:
    """The smoke scale in seconds."""
    classifier = replace(SMALL, iterations=2, snapshot_every=2, widths=(4,) * 8, fc=8)
    evaluation = Evaluation(classifier=classifier, samples=4, repeats=2, snapshot_samples=4, real_passes=1)
    return replace(smoke(config), batch_size=2, iterations=2, snapshot_every=2, evaluation=evaluation)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "penalty_ablation.py"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_it_is_short_and_each_of_its_scales_is_valid(study: Path) -> None:
    assert len(TEXT.splitlines()) < 40
    declared = load_study(study)
    for scale in declared.scales.values():
        assert all(not cell.obstacle for cell in declared.cells(declared.tables[0], scale))


def test_a_row_is_one_line_and_one_trial(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments=["plan", study.name]) == 0
    assert "1 table, 6 cells, 4 trials: 0 done, 0 running, 0 failed, 4 missing." in capsys.readouterr().out
    study.write_text(
        TEXT.replace("    ),\n    columns", f"        {ROW}\n    ),\n    columns"), encoding="utf-8"
    )
    assert main(arguments=["plan", study.name]) == 0
    assert "1 table, 8 cells, 5 trials: 0 done, 0 running, 0 failed, 5 missing." in capsys.readouterr().out


def test_it_runs_and_another_seed_trains_only_its_own(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scales, "smoke", tiny)
    data = ensure_embedded(tmp_path / "cache", 2)
    command = ["run", study.name, "--local", "--data", str(data)]
    assert main(arguments=command) == 0
    told = capsys.readouterr().out
    assert "4 trials for table 1: 0 finished, 4 to train." in told
    assert "penalty r1 → none" in told
    assert "3 of 3 trials took" in told
    assert main(arguments=[*command, "--seeds", "0,1"]) == 0
    told = capsys.readouterr().out
    assert "7 trials for table 1: 4 finished, 3 to train." in told
    assert "differences from λ = 0.5" in told
    assert main(arguments=["status", study.name, "--data", str(data), "--seeds", "0,1"]) == 0
    assert "7 trials: 7 done." in capsys.readouterr().out
