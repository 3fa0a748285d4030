from pathlib import Path

import pytest
import torch

from retable.store import checkpoint
from retable.store.assignment import Assignment
from retable.store.formats.result import TrialResult
from retable.training.run import AssignedRun
from retable.trial.distributed import Workers
from retable.trial.trial import Trial
from tests.trainables.code_gan.stage_cases import ENCODER, GAN, encoder_learner
from trainables.code_gan.autoencoder.codec import trained_codec

CPU = torch.device("cpu")


def run_of(trial: Trial, folder: Path) -> AssignedRun:
    required = {signature: folder / signature for signature in (t.signature for t in trial.requires())}
    return AssignedRun(Assignment(trial, folder, folder, 1, required), 0, 1, CPU)


@pytest.mark.usefixtures("float64")
def test_a_gan_finds_the_autoencoder_that_its_plan_trained(tmp_path: Path) -> None:
    model = encoder_learner(ENCODER, Workers())
    model.step(0)
    signature = Trial(ENCODER, 0, "data").signature
    folder = tmp_path / signature
    checkpoint.fence(folder, 1)
    checkpoint.save(folder, 1, {"learner": model.state(), "progress": {}}, signature=signature, attempt=1)
    run = run_of(Trial(GAN, 3, "data"), tmp_path)
    with pytest.raises(FileNotFoundError, match="is not finished"):
        trained_codec(ENCODER, 0, run, CPU)
    TrialResult(signature, 0, "done", 1).write(folder)
    codec = trained_codec(ENCODER, 0, run, CPU)
    x_NCHW = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(codec.decode(codec.encode(x_NCHW)), model.autoencoder(x_NCHW).detach())
    with pytest.raises(KeyError, match="is not among the required"):
        trained_codec(ENCODER, 1, run, CPU)
    with pytest.raises(FileNotFoundError, match="is not finished"):  # other data, so another trial
        trained_codec(ENCODER, 0, run_of(Trial(GAN, 3, "other data"), tmp_path), CPU)
