"""The search of the code-GAN as declared: what is tuned, that its points are configs, and what they need."""

from pathlib import Path

import pytest

from retable.search.summary import search_plan, tuned_cells
from studies.code_gan_search import STUDY
from trainables.code_gan.autoencoder.config import AutoencoderConfig


@pytest.mark.parametrize(("scale", "points"), [("smoke", 2), ("toy", 8), ("paper", 20)])
def test_each_size_of_codes_is_tuned_apart_over_an_encoder_of_its_own(
    scale: str, points: int, tmp_path: Path
) -> None:
    found = tuned_cells(STUDY, STUDY.scales[scale], "0" * 64, tmp_path)
    assert [tuning.cell.label for tuning in found] == [f"code-GAN, h/{divisor}" for divisor in (4, 8, 16)]
    assert {tuning.wanted for tuning in found} == {points}
    for tuning, divisor in zip(found, (4, 8, 16), strict=True):
        for value, batch in ((0.1, "8"), (100.0, "64")):
            config = tuning.config({"lambda": value, "batch": batch})
            assert (config.lam, config.batch_size) == (value, int(batch))
            assert config.encoder is not None
            assert config.encoder.code_divisor == divisor
    plan = search_plan(STUDY, STUDY.scales[scale], "0" * 64, found, winners=False)
    required = [planned.trial.config for planned in plan.trials]
    encoders = [config.code_divisor for config in required if isinstance(config, AutoencoderConfig)]
    assert encoders == [4, 8, 16]
    assert not list(tmp_path.iterdir())


def test_the_papers_lambda_is_asked_first(tmp_path: Path) -> None:
    for tuning in tuned_cells(STUDY, STUDY.scales["paper"], "0" * 64, tmp_path):
        asked = tuning.suggest([])
        assert asked is not None
        assert asked.point == {"lambda": 10.0, "batch": "16"}
