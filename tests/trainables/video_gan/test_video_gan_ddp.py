"""One worker and two train the same model on the same global batch (this file is the second worker's script too)."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from retable.data.clips import Clips
from retable.data.spec import ClipSpec
from retable.ddp import Workers
from retable.metrics.evaluation import Evaluation
from retable.run import Run
from retable.streams import stream
from trainables.classifiers.config import C3DConfig
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.step import VideoGANLearner

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
CONFIGS = {
    "plain": TINY,
    "accumulated": replace(TINY, accumulate=2),
    "two streams": replace(TINY, discriminator="3d+2d", accumulate=2),
    "two turns": replace(TINY, n_dis=2, loss="eq7"),
}
Losses = list[dict[str, float]]


class NumberedClips:
    """Random pixels, keyed by iteration and global index."""

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        clips = [stream(0, "clip", iteration, i).integers(0, 256, (8, 3, 16, 16), np.uint8) for i in indices]
        return torch.from_numpy(np.stack(clips)), torch.zeros(len(clips), dtype=torch.int64)


class NowhereRun:
    data = Path("/nowhere")


def losses(config: VideoGANConfig, workers: Workers) -> Losses:
    """Of each step, averaged over the workers; the last entry is what the networks then make of fixed noise."""
    clips = cast(Clips, NumberedClips())
    learner = VideoGANLearner(config, 0, cast(Run, NowhereRun()), workers, clips=clips)
    steps = [workers.mean(learner.step(at)) for at in range(STEPS)]
    return [*steps, {"preview": float(learner.samples().mean())}]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Losses]:
    """What two workers report for each config."""
    folder = tmp_path_factory.mktemp("gang")
    command = [sys.executable, "-W", "error", __file__, str(folder)]
    processes = [subprocess.Popen([*command, str(rank)]) for rank in (0, 1)]
    assert [process.wait(timeout=240) for process in processes] == [0, 0]
    ranks = [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]
    assert ranks[0] == ranks[1]
    result: dict[str, Losses] = ranks[0]
    return result


@pytest.mark.parametrize("name", CONFIGS)
def test_two_workers_are_one(found: dict[str, Losses], name: str) -> None:
    alone = losses(CONFIGS[name], Workers())
    assert len(alone) == len(found[name]) == STEPS + 1
    for one, two in zip(alone, found[name], strict=True):
        assert two == pytest.approx(one, rel=1e-4)


def main(folder: str, rank: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(Path(folder) / "rendezvous").as_uri(),
        rank=int(rank),
        world_size=2,
        timeout=timedelta(seconds=120),
    )
    results = {name: losses(config, Workers(int(rank), 2)) for name, config in CONFIGS.items()}
    (Path(folder) / f"{rank}.json").write_text(json.dumps(results))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
