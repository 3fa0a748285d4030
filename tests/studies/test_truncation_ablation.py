"""The truncation study trains nothing that the subsampling study has not trained, and all its thresholds score one model."""

from pathlib import Path

import pytest

from retable.cli.arguments.study_file import load_study
from retable.planning.plan import make_plan
from retable.trial.scoring import ScoringConfig

STUDIES = Path(__file__).parents[2] / "studies"
TRUNCATION = load_study(STUDIES / "truncation_ablation.py")
SUBSAMPLING = load_study(STUDIES / "subsampling_ablation.py")


@pytest.mark.parametrize("scale", ["smoke", "toy", "paper"])
def test_what_is_trained_is_the_subsampling_studys_full_model(scale: str) -> None:
    plan = make_plan(TRUNCATION, TRUNCATION.scales[scale], "data")
    known = make_plan(SUBSAMPLING, SUBSAMPLING.scales[scale], "data", tables=["9"])
    trained = [one for one in plan.trials if not isinstance(one.trial.config, ScoringConfig)]
    assert {one.signature for one in trained} <= {one.signature for one in known.trials}
    assert [one.trial.config.trainable for one in trained] == ["c3d", "video_gan"]
    scored = [one for one in plan.trials if isinstance(one.trial.config, ScoringConfig)]
    assert len(scored) == 11  # ten thresholds and the real held-out clips
    model = trained[1].signature
    assert sum(model in one.requires for one in scored) == 10
