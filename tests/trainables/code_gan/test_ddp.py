"""One worker and two train the same model on the same global batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retable.trial.distributed import Workers
from tests.precision import in_float64
from tests.trainables.code_gan.stage_cases import BEFORE, ENCODER, GAN, learner
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig

if TYPE_CHECKING:
    from tests.conftest import WorkerGroup

STEPS = 5
CONFIGS: dict[str, CodeGANConfig | AutoencoderConfig] = {
    "codes": GAN,
    "codes, accumulated": replace(GAN, accumulate=2, n_critic=2),
    "images": replace(BEFORE, pixel_norm=False),
    "autoencoder": ENCODER,
    "autoencoder, accumulated": replace(ENCODER, accumulate=2, alpha=0.5),
    "autoencoder without a discriminator": replace(ENCODER, alpha=0.0),
}
Losses = list[dict[str, float]]


def losses(config: CodeGANConfig | AutoencoderConfig, workers: Workers) -> Losses:
    """Of each step, averaged over the workers; the last entry is what the trained networks then make."""
    model = learner(config, workers)
    steps = [workers.mean(model.step(at)) for at in range(STEPS)]
    return [*steps, {"preview": float(model.samples().mean())}]


def as_worker(workers: Workers, folder: Path) -> dict[str, Losses]:
    with in_float64():
        return {name: losses(config, workers) for name, config in CONFIGS.items()}


@pytest.fixture(scope="module")
def found(worker_group: WorkerGroup, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Losses]:
    """What two workers report for each config."""
    first, second = worker_group(__file__, 2, tmp_path_factory.mktemp("worker_group"))
    assert first == second
    result: dict[str, Losses] = first
    return result


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.usefixtures("float64")
def test_two_workers_are_one(found: dict[str, Losses], name: str) -> None:
    alone = losses(CONFIGS[name], Workers())
    assert len(alone) == len(found[name]) == STEPS + 1
    for one, two in zip(alone, found[name], strict=True):
        assert two == pytest.approx(one, rel=1e-8, abs=1e-8)
