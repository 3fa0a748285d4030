"""Seconds of a training step of each model of Table 9, at smoke and toy size, in this process on this machine.

`make bench`. Takes about two minutes on two cores; real clips of the embedded data set, one worker.
"""

import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table as Page

from retable.data.embedded.clips import ensure_embedded
from retable.data.samples.clips import Clips
from retable.store.assignment import Assignment
from retable.training.run import AssignedRun
from retable.trial.distributed import Workers
from retable.trial.trial import Trial
from studies.subsampling_ablation import STUDY
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.learner import VideoGANLearner

SCALES = ("smoke", "toy")
WARM_UP, TIMED = 2, 8


def seconds_a_step(config: VideoGANConfig, root: Path) -> float:
    """The mean of TIMED steps after WARM_UP."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as folder:
        assignment = Assignment(Trial(config, 0, "bench"), Path(folder), root, 1, {})
        run = AssignedRun(assignment, 0, 1, device)
        clips = Clips(root, config.data, "train", 0)
        learner = VideoGANLearner(config, 0, run, Workers(device=device), clips=clips)
        for iteration in range(WARM_UP + TIMED):
            if iteration == WARM_UP:
                started = time.perf_counter()
            losses = learner.step(iteration)
            float(losses["loss_dis"])  # waits for the device
    return (time.perf_counter() - started) / TIMED


def main() -> None:
    """Print a line for each model."""
    root = ensure_embedded()
    page = Page("model", *SCALES, title=f"seconds a step, {torch.get_num_threads()} threads")
    for row in STUDY.table("9").rows:
        assert row.config is not None
        page.add_row(
            row.label, *(f"{seconds_a_step(STUDY.scales[s].shrink(row.config), root):.3f}" for s in SCALES)
        )
    Console().print(page)


if __name__ == "__main__":
    main()
