"""A trained GAN sampled from truncated noise, through the plan: trained once, scored several times."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from retable.data.decode.spec import ImageSpec
from retable.data.embedded.images import ensure_embedded_images
from retable.data.samples.images import Images
from retable.data.scan.catalog import scan
from retable.store.assignment import Assignment
from retable.training.run import AssignedRun
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.trial import Trial
from tests.trainables.code_gan.stage_cases import PLANNED_GAN
from tests.trainables.trained_plan import Outcome, outcome_of
from trainables.code_gan.networks import build_generator
from trainables.code_gan.random_draws import noise
from trainables.code_gan.sampling.config import CodeSamplingConfig, RealImagesConfig

SEED = 3
OF = replace(PLANNED_GAN, snapshot_every=1, pixel_norm=False)
AS_TRAINED = CodeSamplingConfig(of=OF)
CONFIGS: dict[str, TrialConfig] = {
    "trained": OF,
    "as trained": AS_TRAINED,
    "narrow": replace(AS_TRAINED, truncation=0.2),
    "scaled": replace(AS_TRAINED, truncation=0.2, law="scale"),
    "real": RealImagesConfig(of=OF),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield ensure_embedded_images(images_per_class=2, size=32)


@pytest.fixture(scope="module")
def outcome(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome_of(CONFIGS, "fid", data, tmp_path_factory.mktemp("code_gan_sampling"), SEED)


def test_one_training_serves_every_way(outcome: Outcome) -> None:
    trained = [planned.trial for planned in outcome.plan.trials if planned.trial.config.iterations]
    kinds = sorted((trial.config.trainable, trial.seed) for trial in trained)
    assert kinds == [("cnn", 0), ("code_autoencoder", 0), ("code_gan", SEED)]


def test_sampled_as_trained_it_has_the_trainings_own_scores(outcome: Outcome) -> None:
    assert outcome.result("as trained")["scores"] == outcome.result("trained")["scores"]


@pytest.mark.parametrize("name", ["narrow", "scaled", "real"])
def test_other_ways_have_other_scores_under_the_same_protocol(outcome: Outcome, name: str) -> None:
    scores, trained = outcome.result(name)["scores"], outcome.result("trained")["scores"]
    assert scores.keys() == trained.keys()
    assert scores != trained
    assert (outcome.folder(name) / "samples" / "00000000.png").exists()


def test_the_laws_of_truncation_sample_differently(outcome: Outcome) -> None:
    assert outcome.result("narrow")["scores"] != outcome.result("scaled")["scores"]


def test_real_images_are_held_out_ones(data: Path, tmp_path: Path) -> None:
    spec = ImageSpec(size=16, flip=False)
    config = RealImagesConfig(of=replace(OF, data=spec))
    trial = Trial(config, SEED, scan(data).fingerprint)
    run = AssignedRun(Assignment(trial, tmp_path, data, 1, {}), 0, 1, torch.device("cpu"))
    shown = config.build(SEED, run, Workers()).samples()
    assert shown is not None
    test = Images(data, spec, "test", 0)
    held_out = {test.evaluation(number)[0].tobytes() for number in range(len(test))}
    assert {pixels.tobytes() for pixels in shown[:, 0]} <= held_out


def test_truncated_noise_is_keyed_like_the_trainings() -> None:
    whole = noise(SEED, "evaluation-z", 1, range(4), 200)
    narrow = noise(SEED, "evaluation-z", 1, range(4), 200, 0.5)
    assert narrow.abs().max() <= 0.5
    within = whole.abs() <= 0.5
    assert torch.equal(narrow[within], whole[within])
    assert torch.equal(narrow[2:], noise(SEED, "evaluation-z", 1, range(2, 4), 200, 0.5))


def test_there_is_no_batch_norm_whose_statistics_the_noise_could_change() -> None:
    norms = [m for m in build_generator(OF.shape).modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    assert norms == []


@pytest.mark.usefixtures("float64")
def test_pixel_norm_takes_the_noises_scale_out_but_for_biases() -> None:
    torch.manual_seed(0)
    z_NZ = torch.randn(2, 3)
    for pixel_norm in (True, False):
        generator = build_generator(replace(OF, pixel_norm=pixel_norm).shape)
        for name, parameter in generator.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
        same = torch.allclose(generator(z_NZ), generator(z_NZ * 0.1), atol=1e-4)
        assert same is pixel_norm


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"truncation": 0.0}, "truncation must be positive, or None, but got 0.0"),
        ({"law": "clip"}, "law must be one of .* but got 'clip'"),
        ({"batch_size": 2}, "batch_size 1 where nothing is trained"),
    ],
)
def test_what_cannot_be_sampled_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(AS_TRAINED, **wrong)


def test_what_changes_nothing_is_one_trial() -> None:
    def signature(config: TrialConfig) -> str:
        return Trial(config, 0, "data").signature

    assert signature(AS_TRAINED) == signature(replace(AS_TRAINED, law="scale"))
    assert signature(RealImagesConfig(of=OF)) == signature(
        RealImagesConfig(of=replace(OF, lam=1.0, accelerate=False, z_dim=9))
    )


def test_what_scores_follows_what_was_trained() -> None:
    longer = AS_TRAINED.with_iterations(9)
    assert (longer.iterations, longer.of.iterations) == (0, 9)
    with pytest.raises(FileNotFoundError, match="is no file"):
        AS_TRAINED.with_encoder(Path("autoencoder.safetensors"))
    before = CodeSamplingConfig(of=replace(OF, accelerate=False))
    assert before.with_encoder(Path("autoencoder.safetensors")) == before
