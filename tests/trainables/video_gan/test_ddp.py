"""One worker and two train the same model on the same global batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from retable.data.decode.spec import ClipSpec
from retable.data.samples.clips import Clips
from retable.evaluation.config import Evaluation
from retable.trial.distributed import Workers
from retable.trial.random import stream
from retable.trial.run import Run
from tests.precision import in_float64
from trainables.classifiers.c3d.config import C3DConfig
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.learner import VideoGANLearner

if TYPE_CHECKING:
    from tests.conftest import WorkerGroup

STEPS = 5
TINY = VideoGANConfig(
    iterations=10,
    batch_size=8,
    snapshot_every=5,
    resolution=16,
    frames=8,
    z_dim=6,
    base_channels=2,
    clstm_channels=4,
    d_channels=2,
    lr=1e-3,
    data=ClipSpec(size=16, frames=8),
    evaluation=Evaluation(classifier=C3DConfig()),
)
CONDITIONAL = replace(
    TINY,
    conditional=True,
    classes=3,
    lr=1e-2,
    adam_eps=1e-3,  # as large as gradients: biases below a batch norm have none but rounding, which Adam would blow up
)
# Where gradients of real and generated videos cancel, Adam makes whole steps of their rounding, unless ε is larger.
STEADY = replace(TINY, adam_eps=0.1)
CONFIGS = {
    "plain": TINY,
    "accumulated": replace(TINY, accumulate=2, adam_eps=1e-3),
    "two streams": replace(TINY, discriminator="3d+2d", accumulate=2),
    "two turns": replace(TINY, n_dis=2, loss="eq7"),
    "conditional": replace(CONDITIONAL, accumulate=2),
    "conditional streams": replace(CONDITIONAL, discriminator="3d+2d"),
    "wgan-gp": replace(STEADY, penalty="wgan-gp", lam=10.0, adversarial="wasserstein", n_dis=2, accumulate=2),
    "spectral norm": replace(TINY, spectral_norm=True, accumulate=2),
    "batch sub-sampling": replace(
        CONDITIONAL, batch_size=32, accumulate=2, batch_stride=2, penalty="wgan-gp", adam_eps=0.1
    ),
    "stacked, no batch norm, plain": replace(STEADY, clstm_layers=2, batch_norm=False, d_residual=False),
}
Losses = list[dict[str, float]]


class NumberedClips:
    """Random pixels and classes, keyed by iteration and global index."""

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        clips = [stream(0, "clip", iteration, i).integers(0, 256, (8, 3, 16, 16), np.uint8) for i in indices]
        classes = [int(stream(0, "class", iteration, i).integers(3)) for i in indices]
        return torch.from_numpy(np.stack(clips)), torch.tensor(classes)


class NowhereRun:
    data = Path("/nowhere")


def losses(config: VideoGANConfig, workers: Workers) -> Losses:
    """Of each step, averaged over the workers; at last what the generator then makes of fixed noise, and what this
    worker's discriminator is made of, buffers included.
    """
    clips = cast(Clips, NumberedClips())
    learner = VideoGANLearner(config, 0, cast(Run, NowhereRun()), workers, clips=clips)
    steps = [workers.mean(learner.step(at)) for at in range(STEPS)]
    made_of = {
        name: float((value.double().abs() + 1).log().sum())
        for name, value in learner.state()["discriminator"].items()
    }
    return [*steps, {"preview": float(learner.samples().mean())}, made_of]


def as_worker(workers: Workers, folder: Path) -> dict[str, Losses]:
    with in_float64():
        return {name: losses(config, workers) for name, config in CONFIGS.items()}


@pytest.fixture(scope="module")
def found(worker_group: WorkerGroup, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Losses]:
    """What two workers report for each config."""
    first, second = worker_group(__file__, 2, tmp_path_factory.mktemp("worker_group"))
    assert first == second  # so are the buffers of spectral norm, which DDP does not broadcast
    result: dict[str, Losses] = first
    return result


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.usefixtures("float64")
def test_two_workers_are_one(found: dict[str, Losses], name: str) -> None:
    alone = losses(CONFIGS[name], Workers())
    assert len(alone) == len(found[name]) == STEPS + 2
    for one, two in zip(alone, found[name], strict=True):
        assert two == pytest.approx(one, rel=1e-8, abs=1e-8)
