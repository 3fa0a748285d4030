import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pytest

from retable.data.decode.spec import ImageSpec
from retable.evaluation.config import ImageEvaluation
from retable.trial.step_cost import StepCost
from retable.trial.trial import Trial
from trainables.classifiers.c3d.config import C3DConfig
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.costs.training import autoencoder_costs, training_cost
from trainables.code_gan.encoding.config import CodesConfig
from trainables.code_gan.stages.channels import after, before

PAPER = CodeGANConfig(evaluation=ImageEvaluation(classifier=C3DConfig()))
SLOW = replace(PAPER, accelerate=False)


def signature(config: CodeGANConfig | AutoencoderConfig) -> str:
    return Trial(config, 0, "data").signature


def at(resolution: int, divisor: int = 4) -> CodeGANConfig:
    encoder = AutoencoderConfig(code_divisor=divisor)
    return replace(PAPER, resolution=resolution, data=ImageSpec(size=resolution), encoder=encoder)


def test_defaults_are_the_papers_and_else_the_recipes() -> None:
    assert PAPER.epoch == 30_000
    assert (PAPER.lam, PAPER.n_critic, PAPER.ema, PAPER.batch_size) == (10, 1, 0.999, 16)
    assert (PAPER.lr, PAPER.beta1, PAPER.beta2) == (1e-4, 0, 0.9)
    encoder = AutoencoderConfig()
    assert (encoder.data.size, encoder.code_divisor, encoder.code_channels) == (128, 4, 16)
    assert (encoder.alpha, encoder.batch_size) == (1e-2, 16)
    assert (encoder.lr, encoder.beta1, encoder.beta2) == (2e-4, 0.5, 0.999)


def test_each_update_of_the_discriminator_is_fed() -> None:
    assert PAPER.samples_per_iteration == 16
    assert replace(PAPER, n_critic=5).samples_per_iteration == 80


def test_snapshots_are_kept_from_a_sixteenth_on() -> None:
    kept = sorted(replace(PAPER, iterations=480, snapshot_every=2).landmarks())
    assert kept[0] == 480 / 16
    assert all(at % 2 == 0 for at in kept)
    assert all(late <= 1.5 * early for early, late in pairwise([*kept, 480]))


def test_one_field_separates_before_from_after() -> None:
    assert (PAPER.shape, SLOW.shape) == (after(256), before(256))
    assert at(1024, 16).shape == after(1024, 16)
    assert signature(PAPER) != signature(SLOW)
    assert signature(SLOW) == signature(replace(SLOW, encoder=None))
    assert signature(SLOW) == signature(replace(SLOW, encoder=AutoencoderConfig(code_divisor=8)))
    assert (PAPER.labels()["code_divisor"], SLOW.labels()["code_divisor"]) == (4, "none")


def test_what_must_be_trained_first() -> None:
    codes = CodesConfig(of=AutoencoderConfig(), data=PAPER.data)
    assert PAPER.requires() == (C3DConfig(), AutoencoderConfig(), codes)
    assert SLOW.requires() == (C3DConfig(),)
    encoders = {
        trial.signature
        for config in (PAPER, at(512), at(1024), replace(PAPER, n_critic=5))
        for trial in Trial(config, 3, "data").requires()
        if isinstance(trial.config, AutoencoderConfig)
    }
    assert len(encoders) == 1  # one encoder serves every resolution and every seed


def test_what_changes_nothing_is_no_part_of_the_identity() -> None:
    free = AutoencoderConfig(alpha=0.0)
    assert signature(free) == signature(replace(free, d_width=3))
    assert signature(AutoencoderConfig()) != signature(AutoencoderConfig(d_width=3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code_divisor": 3}, r"divisor must be one of \(2, 4, 8, 16\), but got 3"),
        ({"alpha": -1.0}, "alpha must be at least 0, but got -1.0"),
        ({"data": ImageSpec(size=30)}, "code_divisor must divide the size of images"),
        ({"data": ImageSpec(size=8)}, "at least 16 pixels large where alpha > 0"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"beta1": 1.0}, r"beta1 must be in \[0, 1\)"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_refusals_of_stage_1(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(AutoencoderConfig(), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 128}, "images of resolution=128, but it has size=256"),
        ({"encoder": None}, "accelerate=True learns an encoder's codes, but got encoder=None"),
        (
            {"resolution": 192, "data": ImageSpec(size=192)},
            "4 · 2\\^k pixels.*192, with codes of a 4th of it",
        ),
        ({"accelerate": False, "resolution": 100, "data": ImageSpec(size=100)}, "4 · 2\\^k.*but got 100$"),
        ({"resolution": 8, "data": ImageSpec(size=8)}, "with codes of a 4th of it"),
        ({"n_critic": 0}, "n_critic must be at least 1"),
        ({"ema": 1.0}, r"ema must be in \[0, 1\), but got 1.0"),
        ({"lam": -1.0}, "lam must be at least 0"),
    ],
)
def test_refusals_of_stage_2(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PAPER, **change)  # type: ignore[arg-type]


def test_an_evaluation_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="samples must be at least 2, but got 1"):
        ImageEvaluation(classifier=C3DConfig(), samples=1)
    with pytest.raises(ValueError, match="size must be at least 1, but got 0"):
        ImageSpec(size=0)


def test_the_plan_s_forecast_is_the_cost_of_what_runs() -> None:
    config = replace(at(32), width=16, z_dim=8, batch_size=4)
    found = config.step_cost()
    cost = training_cost(config.shape, literal=False)
    assert isinstance(found, StepCost)
    assert found.parameters == cost.generator.parameters + cost.discriminator.parameters
    assert found.macs.each == cost.each_image()
    twice = replace(config, n_critic=2).step_cost()
    assert twice.macs.each == pytest.approx(2 * cost.each_image(2))
    assert (
        config.cost_key()
        == replace(config, lr=1.0, iterations=5, encoder=AutoencoderConfig(alpha=0)).cost_key()
    )
    assert config.cost_key() != replace(config, lam=0.0).cost_key()


def test_stage_1_s_forecast() -> None:
    config = AutoencoderConfig(width=4, d_width=4, data=ImageSpec(size=32))
    full, plain = config.step_cost(), replace(config, alpha=0.0).step_cost()
    assert full.parameters > plain.parameters
    assert full.macs.each > plain.macs.each > 0
    assert config.cost_key() == replace(config, lr=1.0, alpha=0.5).cost_key()
    assert config.cost_key() != replace(config, alpha=0.0).cost_key()


def test_stage_1_s_forecast_by_hand() -> None:
    config = AutoencoderConfig()
    encode, decode = (network.macs for network in autoencoder_costs(128, 4, literal=False))
    first, judge_first = 128**2 * 27 * 64, 64**2 * 27 * 64  # of which no input's gradient is taken
    judge = judge_first + 32**2 * 9 * 64 * 128 + (16**2 * 128 + 8**2 * 256 + 8**2) * 9 * 256
    alone = 3 * (encode + decode) - first
    deceived, detected = 2 * judge, 2 * (3 * judge - judge_first)
    assert replace(config, alpha=0.0).step_cost().macs.each == alone
    assert config.step_cost().macs.each == alone + deceived + detected


def test_a_config_needs_no_torch() -> None:
    program = "import sys, trainables.code_gan.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=900)
