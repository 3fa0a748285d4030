"""TGANv2 trains on real clips: the Weizmann human actions, read by the same loader as every other data set."""

from pathlib import Path

import pytest
import torch

from retable.data.decode.spec import ClipSpec
from retable.data.samples.clips import Clips
from retable.evaluation.config import Evaluation
from retable.store.assignment import Assignment
from retable.training.run import AssignedRun
from retable.trial.distributed import Workers
from retable.trial.trial import Trial
from trainables.classifiers.c3d.config import C3DConfig
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.learner import VideoGANLearner

WEIZMANN = Path(__file__).parents[4] / "shared" / "data" / "weizmann64"
CONFIG = VideoGANConfig(
    iterations=3,
    batch_size=2,
    snapshot_every=3,
    resolution=64,
    z_dim=8,
    base_channels=1,
    clstm_channels=8,
    d_channels=2,
    s_t=4,
    data=ClipSpec(size=64),
    evaluation=Evaluation(classifier=C3DConfig()),
)


@pytest.mark.skipif(not WEIZMANN.is_dir(), reason=f"the real clips are not at {WEIZMANN}")
def test_a_few_steps_on_real_clips_change_both_networks(tmp_path: Path) -> None:
    clips = Clips(WEIZMANN, CONFIG.data, "train", 0, cache=tmp_path / "cache")
    assert len(clips) == 28
    assert clips.classes == ("Bend", "JumpingJack", "OneHandWave", "TwoHandWave")
    assignment = Assignment(Trial(CONFIG, 0, "weizmann"), tmp_path, WEIZMANN, 1, {})
    run = AssignedRun(assignment, 0, 1, torch.device("cpu"))

    learner = VideoGANLearner(CONFIG, 0, run, Workers(), clips=clips)
    before = {name: weight.clone() for name, weight in learner.state()["generator"].items()}
    losses = [learner.step(iteration) for iteration in range(CONFIG.iterations)]
    assert all(torch.isfinite(value).all() for step in losses for value in step.values())
    after = learner.state()["generator"]
    changed = [
        name for name in before if name.endswith("weight") and not torch.equal(before[name], after[name])
    ]
    assert len(changed) > 20
    videos = learner.samples()
    assert videos.shape[1:] == (16, 3, 64, 64)
    assert videos.std() > 0
