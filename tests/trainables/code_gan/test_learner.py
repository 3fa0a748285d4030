"""Both learners on images made of numbers alone: what a step is, and that nothing but its keys decides it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from retable.data.samples.pixels import to_model
from retable.metrics.protocol import Protocol
from retable.metrics.similarity import psnr
from retable.trial.distributed import Workers
from tests.trainables.code_gan.stage_cases import (
    BEFORE,
    ENCODER,
    GAN,
    EncodedImages,
    NumberedImages,
    bits,
    codec,
    copied,
    encoder_learner,
    gan_learner,
    learner,
)
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.autoencoder.scores import reconstruction_scores
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.encoding.codes import UnencodedImages
from trainables.code_gan.random_draws import mixes, noise
from trainables.code_gan.reconstruction.config import ReconstructionConfig
from trainables.code_gan.reconstruction.learner import Reconstruction

Config = CodeGANConfig | AutoencoderConfig
EVERY = pytest.mark.parametrize(
    "config",
    [GAN, BEFORE, replace(GAN, n_critic=3), ENCODER, replace(ENCODER, alpha=0.0)],
    ids=["codes", "images", "critics", "autoencoder", "L1 alone"],
)


@EVERY
def test_a_resumed_trial_gives_the_same_bits(config: Config) -> None:
    torch.manual_seed(1)
    whole = learner(config)
    for at in range(2):
        whole.step(at)
    saved = copied(whole.state())
    whole.step(2)
    torch.manual_seed(2)
    resumed = learner(config)
    resumed.load_state(saved)  # type: ignore[arg-type]
    resumed.step(2)
    assert bits(whole) == bits(resumed)
    assert bits(learner(config, seed=1)) != bits(learner(config))


@EVERY
@pytest.mark.usefixtures("float64")
def test_accumulation_changes_nothing_beyond_rounding(config: Config) -> None:
    whole, parts = learner(config), learner(replace(config, accumulate=4))
    for at in range(2):
        one, other = (
            {name: float(value) for name, value in model.step(at).items()} for model in (whole, parts)
        )
        assert other == pytest.approx(one, rel=1e-9, abs=1e-9)


@EVERY
def test_what_a_step_reports_needs_no_graph(config: Config) -> None:
    names = {"loss_gen", "loss_dis", "loss_gp", "logit_real", "logit_fake"}
    if isinstance(config, AutoencoderConfig):
        names = {"loss_l1", "loss_adv", "loss_dis"} if config.alpha else {"loss_l1"}
    scalars = learner(config).step(0)
    assert scalars.keys() == names
    assert not any(value.requires_grad for value in scalars.values())
    assert all(torch.isfinite(value) for value in scalars.values())


def test_the_critic_moves_more_often_than_the_generator() -> None:
    model = gan_learner(replace(GAN, n_critic=3), Workers())
    for at in range(2):
        model.step(at)
    for adam, updates in ((model.generator_adam, 2), (model.critic_adam, 6)):
        assert {int(state["step"]) for state in adam.state.values()} == {updates}


@pytest.mark.usefixtures("float64")
def test_samples_are_the_average_s() -> None:
    model = gan_learner(GAN, Workers())
    before = [parameter.clone() for parameter in model.generator.parameters()]
    model.step(0)
    after = list(model.generator.parameters())
    for old, new, mean in zip(before, after, model.average.parameters(), strict=True):
        torch.testing.assert_close(mean, 0.9 * old + 0.1 * new.detach())
    preview = model.samples()
    assert preview.shape == (36, 1, 3, 16, 16)
    assert np.array_equal(preview, model.samples())
    assert model.evaluate(0, final=False) == model.evaluate(5, final=False)
    assert model.evaluate(5, final=False) != model.evaluate(5, final=True)
    torch.nn.init.zeros_(model.average.out.weight)
    assert not np.array_equal(preview, model.samples())


def test_codes_are_those_of_the_frozen_encoder() -> None:
    images, frozen = NumberedImages(), codec()
    device = torch.device("cpu")
    plain = UnencodedImages(images, device).batch(3, range(2))
    assert float(plain.min()) >= -1
    assert float(plain.max()) <= 1
    codes = EncodedImages(images, frozen, device).batch(3, range(2))
    assert codes.shape == (2, 3, 4, 4)
    assert codes.dtype == torch.float32
    torch.testing.assert_close(codes, frozen.encode(plain))
    assert frozen.decode(codes).shape == plain.shape
    assert not any(p.requires_grad for p in (*frozen.encoder.parameters(), *frozen.decoder.parameters()))


@pytest.mark.usefixtures("float64")
def test_a_trained_autoencoder_becomes_a_codec() -> None:
    model = encoder_learner(ENCODER, Workers())
    model.step(0)
    trained = Codec.of(ENCODER, model.state())
    x_NCHW = torch.rand(1, 3, 32, 16)
    torch.testing.assert_close(trained.decode(trained.encode(x_NCHW)), model.autoencoder(x_NCHW).detach())


def test_a_codec_is_given_where_codes_are_learned_and_nowhere_else() -> None:
    model = gan_learner(GAN, Workers())
    for config, frozen in ((GAN, None), (BEFORE, codec())):
        with pytest.raises(ValueError, match="a codec is needed to decode codes, and only then"):
            type(model)(config, 0, Workers(), codes=model.codes, codec=frozen, scorer=model.scorer)


def test_alpha_weighs_what_the_discriminator_says() -> None:
    plain, heavy = (encoder_learner(replace(ENCODER, alpha=a), Workers()) for a in (0.0, 100.0))
    for model in (plain, heavy):
        model.step(0)
    pairs = zip(plain.autoencoder.parameters(), heavy.autoencoder.parameters(), strict=True)
    assert all(not torch.equal(one, other) for one, other in pairs)
    assert "discriminator" not in plain.state()


@pytest.mark.usefixtures("float64")
def test_reconstruction_by_hand() -> None:
    images = NumberedImages()
    found = reconstruction_scores(
        lambda x, _: x.double() + 0.1, images, 5, 16, Workers(), rounded=lambda x, _: x.double() + 0.2
    )
    values = {Protocol.parse(name).family: score.value for name, score in found.items()}
    assert values["mse11"] == pytest.approx(0.01, rel=1e-12)
    assert values["mse01"] == pytest.approx(0.0025, rel=1e-12)
    assert values["psnr"] == pytest.approx(
        float(psnr(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.1)))
    )
    assert values["rounding"] == pytest.approx(300, rel=1e-12)  # percent: four times the error
    assert "rounding5x1_to16_test_data-012345_codes-float16" in found
    assert "mse01-5x1_to16_test_data-012345" in found
    assert "mse01-7x1_to16_test_data-012345" in reconstruction_scores(
        lambda x, _: x / 2, images, 50, 16, Workers()
    )
    by_number = reconstruction_scores(
        lambda _, numbers: to_model(images.evaluation_batch(numbers)[0]), images, 50, 16, Workers()
    )
    assert by_number["mse11-7x1_to16_test_data-012345"].value == 0
    with pytest.raises(FloatingPointError, match="must be finite"):
        reconstruction_scores(lambda x, _: x / 0, images, 5, 16, Workers())


def test_scored_images_are_spread_over_the_split() -> None:
    seen: list[int] = []

    def reconstruct(x_NCHW: Tensor, numbers: Sequence[int]) -> Tensor:
        seen.extend(numbers)
        return x_NCHW

    reconstruction_scores(reconstruct, NumberedImages(), 3, 16, Workers())  # of seven
    assert seen == [0, 2, 4]


def test_an_autoencoder_s_preview_has_originals_beside_reconstructions() -> None:
    model = encoder_learner(ENCODER, Workers())
    preview = model.samples()
    assert preview.shape == (14, 1, 3, 16, 16)
    assert np.array_equal(preview[::2, 0], NumberedImages().evaluation_batch(range(7))[0].numpy())


def test_draws_are_keyed_by_sample() -> None:
    for whole, part in (
        (noise(0, "z", 3, range(4), 5), noise(0, "z", 3, [2], 5)),
        (mixes(0, 3, range(4)), mixes(0, 3, [2])),
    ):
        assert torch.equal(whole[2:3], part)
    many = noise(0, "z", 0, range(400), 5)
    assert float(many.mean()) == pytest.approx(0, abs=0.1)
    assert float(many.std()) == pytest.approx(1, abs=0.1)
    assert 0 <= float(mixes(0, 0, range(400)).min()) < float(mixes(0, 0, range(400)).max()) < 1


def test_a_trained_autoencoder_on_other_images() -> None:
    config = ReconstructionConfig(of=ENCODER, resolution=16)
    images, frozen = NumberedImages(), codec()
    model = Reconstruction(config, Workers(), codec=frozen, images=images)
    assert model.samples().shape == (12, 1, 3, 16, 16)
    found = model.evaluate(0, final=True)
    assert {Protocol.parse(name).family for name in found} == {"mse01", "mse11", "psnr", "rounding"}
    assert 0 < abs(found["rounding5x1_to16_test_data-012345_codes-float16"].value) < 0.1
    with pytest.raises(RuntimeError, match="only scores what was trained"):
        model.step(0)
