"""What each update is made of: which objective, which samples, which network's fakes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from retable.data.samples.pixels import to_model
from retable.trial.distributed import Workers
from tests.trainables.code_gan.stage_cases import ENCODER, GAN, NumberedImages, encoder_learner, gan_learner
from trainables.code_gan import learner
from trainables.code_gan.random_draws import mixes, noise
from trainables.code_gan.stages.objective import deception_loss, detection_loss, reconstruction_loss

Drawn = list[tuple[int, list[int]]]


@pytest.mark.usefixtures("float64")
def test_stage_1_follows_the_gradients_of_its_objectives() -> None:
    model = encoder_learner(replace(ENCODER, alpha=0.5), Workers())
    judge, x_NCHW = model.discriminator, to_model(NumberedImages().batch(0, range(4))[0])
    y_NCHW = model.autoencoder(x_NCHW)
    objective = reconstruction_loss(y_NCHW, x_NCHW) + 0.5 * deception_loss(judge(y_NCHW))
    detection = detection_loss(judge(x_NCHW), judge(y_NCHW.detach()))
    expected = [
        *torch.autograd.grad(objective, list(model.autoencoder.parameters())),
        *torch.autograd.grad(detection, list(judge.parameters())),
    ]
    model.step(0)
    networks = (model.autoencoder, model.discriminator)
    found = [parameter.grad for network in networks for parameter in network.parameters()]
    torch.testing.assert_close(found, expected)


def test_a_step_of_stage_1_moves_both_networks() -> None:
    model = encoder_learner(ENCODER, Workers())
    parameters = [*model.autoencoder.parameters(), *model.discriminator.parameters()]
    before = [parameter.detach().clone() for parameter in parameters]
    model.step(0)
    assert not any(torch.equal(*pair) for pair in zip(before, parameters, strict=True))


def test_every_update_of_the_critic_has_draws_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    model = gan_learner(replace(GAN, n_critic=3), Workers())
    drawn: dict[str, Drawn] = {"real": [], "mix": [], "critic-z": [], "generator-z": []}
    real = model.codes.batch

    def batch(update: int, indices: Sequence[int]) -> Tensor:
        drawn["real"].append((update, list(indices)))
        return real(update, indices)

    def mixed(seed: int, update: int, indices: Sequence[int]) -> Tensor:
        drawn["mix"].append((update, list(indices)))
        return mixes(seed, update, indices)

    def noisy(seed: int, purpose: str, position: int, indices: Sequence[int], z_dim: int) -> Tensor:
        drawn[purpose].append((position, list(indices)))
        return noise(seed, purpose, position, indices, z_dim)

    monkeypatch.setattr(model.codes, "batch", batch)
    monkeypatch.setattr(learner, "mixes", mixed)
    monkeypatch.setattr(learner, "noise", noisy)
    for at in range(2):
        model.step(at)
    six, two = ([(update, [0, 1, 2, 3]) for update in range(count)] for count in (6, 2))
    assert drawn == {"real": six, "mix": six, "critic-z": six, "generator-z": two}


def test_the_critic_judges_the_generator_and_not_its_average() -> None:
    model = gan_learner(GAN, Workers())
    model.step(0)  # the two are the same before
    judged: list[tuple[Tensor, ...]] = []
    model.critic.register_forward_pre_hook(lambda _, given: judged.append(given))
    with torch.no_grad():
        fake_NCHW = model.generator(noise(0, "critic-z", 1, range(4), GAN.z_dim))
    model.step(1)
    expected = (model.codes.batch(1, range(4)), fake_NCHW, mixes(0, 1, range(4)))
    torch.testing.assert_close(judged, [expected])


@pytest.mark.usefixtures("float64")
def test_lambda_weighs_the_penalty() -> None:
    weights = (10.0, 5.0, 0.5)
    losses = [gan_learner(replace(GAN, lam=lam), Workers()).step(0)["loss_gp"] for lam in weights]
    assert [float(loss / losses[0]) for loss in losses] == pytest.approx([1, 0.5, 0.05], rel=1e-12)


def test_adam_is_the_configs() -> None:
    stage_1 = encoder_learner(replace(ENCODER, lr=0.3, beta1=0.1, beta2=0.2, adam_eps=0.4), Workers())
    stage_2 = gan_learner(replace(GAN, lr=0.3, beta1=0.1, beta2=0.2, adam_eps=0.4), Workers())
    for adam in (stage_1.adam, stage_1.d_adam, stage_2.generator_adam, stage_2.critic_adam):
        assert [adam.defaults[name] for name in ("lr", "betas", "eps")] == [0.3, (0.1, 0.2), 0.4]
