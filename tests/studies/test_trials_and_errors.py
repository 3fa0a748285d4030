from dataclasses import fields
from typing import cast

import pytest
import torch

from retable.data.samples.clips import Clips
from retable.planning.plan import make_plan
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.run import Run
from retable.trial.trial import Trial
from studies.subsampling_ablation import NINE
from studies.trials_and_errors import FULL, STUDY, TABLES
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.costs.step import step_cost
from trainables.video_gan.learner import VideoGANLearner
from trainables.video_gan.sampling.config import SamplingConfig
from trainables.video_gan.scales import smoke

DATA = "0123456789abcdef"
CHANGES = {
    ("6.1.1", "One CLSTM, 512 channels"): {"clstm_channels"},
    ("6.1.1", "One CLSTM, 2048 channels"): {"clstm_channels"},
    ("6.1.1", "Three CLSTMs, 512 channels"): {"clstm_channels", "clstm_layers"},
    ("6.1.1", "One CLSTM, 1024 channels, dilation 2"): {"clstm_dilation"},
    ("6.1.2", "Trained on 24 frames"): {"frames", "data"},
    ("6.1.3", "With"): {"spectral_norm"},
    ("6.1.4", "WGAN-GP's, λ = 10"): {"penalty", "lam"},
    ("6.1.4", "WGAN-GP's, λ = 10, with its loss and five updates of D"): {
        "penalty",
        "lam",
        "adversarial",
        "n_dis",
    },
    ("6.1.4", "None"): {"penalty"},
    ("6.1.5", "Without"): {"batch_norm"},
    ("6.1.6", "Plain 3D convolutions"): {"d_residual"},
    ("eq7", "Equation 7"): {"loss"},
    ("eq10", "n_l halved from level to level"): {"batch_stride"},
}
ROWS = {
    (table.number, row.label): row.config
    for table in TABLES
    for row in table.rows[1:]
    if isinstance(row.config, VideoGANConfig)
}


class NoisyClips:
    """Random pixels, as many frames as asked for."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def batch(self, iteration: int, indices: range) -> tuple[torch.Tensor, torch.Tensor]:
        clips = torch.randint(0, 256, (len(indices), self.frames, 3, 32, 32), dtype=torch.uint8)
        return clips, torch.zeros(len(indices), dtype=torch.int64)


def signature(config: TrialConfig | None, scale: str = "paper") -> str:
    assert config is not None
    return Trial(STUDY.scales[scale].shrink(config), 0, DATA).signature


def test_each_row_changes_what_it_says() -> None:
    found = {
        place: {f.name for f in fields(config) if getattr(config, f.name) != getattr(FULL, f.name)}
        for place, config in ROWS.items()
    }
    assert found == CHANGES
    generated = [row.config for row in STUDY.table("6.1.2").rows if isinstance(row.config, SamplingConfig)]
    assert [(config.frames, config.of) for config in generated] == [(24, FULL), (32, FULL)]


@pytest.mark.parametrize("scale", ["smoke", "toy", "paper"])
def test_the_first_row_is_the_full_model_of_the_subsampling_study(scale: str) -> None:
    firsts = {signature(table.rows[0].config, scale) for table in TABLES}
    assert firsts == {signature(NINE[-1].config, scale)}


@pytest.mark.parametrize("scale", ["smoke", "toy", "paper"])
def test_every_row_in_the_plan_is_a_trial_of_its_own(scale: str) -> None:
    plan = make_plan(STUDY, STUDY.scales[scale], DATA)
    rows = sum(len(table.rows[: plan.tables[table.number]]) - 1 for table in TABLES)
    planned = [trial for trial in plan.trials if trial.cells]
    assert len(planned) == 1 + rows == (16 if scale == "paper" else 15)
    trained = [trial for trial in planned if trial.trial.config.trainable == FULL.trainable]
    assert len({trial.name for trial in trained}) == len(trained) == 1 + rows - 2


def test_at_32_pixels_a_dilated_clstm_is_a_plain_one() -> None:
    dilated = ROWS["6.1.1", "One CLSTM, 1024 channels, dilation 2"]
    assert signature(dilated, "toy") == signature(FULL, "toy")
    assert signature(dilated) != signature(FULL)


@pytest.mark.parametrize("place", ROWS, ids=" ".join)
def test_every_row_trains_at_smoke_size(place: tuple[str, str]) -> None:
    config = smoke(ROWS[place])
    clips = cast(Clips, NoisyClips(config.frames))
    scalars = VideoGANLearner(config, 0, cast(Run, None), Workers(), clips=clips).step(0)
    assert all(bool(torch.isfinite(value)) for value in scalars.values())
    assert (float(scalars["loss_gp"]) > 0) == (config.penalty != "none")


@pytest.mark.slow
@pytest.mark.parametrize("place", ROWS, ids=" ".join)
def test_every_row_is_counted_at_paper_size(place: tuple[str, str]) -> None:
    assert step_cost(ROWS[place]).gflops(16) > 0
