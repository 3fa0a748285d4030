import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from trainables.code_gan.critic import Critic
from trainables.code_gan.networks import build_discriminator
from trainables.code_gan.stages.channels import Stage2
from trainables.code_gan.stages.objective import (
    critic_loss,
    deception_loss,
    detection_loss,
    generator_loss,
    reconstruction_loss,
    slope_penalty,
)

TINY = Stage2(resolution=8, channels=2, z_dim=3, width=4)


def critic(lam: float = 10.0) -> Critic:
    torch.manual_seed(0)
    return Critic(build_discriminator(TINY), lam=lam).double()


def pairs(samples: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(1)
    real, fake = torch.rand(2, samples, 2, 8, 8, generator=drawn, dtype=torch.float64) * 2 - 1
    return real, fake, torch.rand(samples, generator=drawn, dtype=torch.float64)


def slopes(judge: Critic, at_NCHW: Tensor) -> Tensor:
    """Norms of the logit's slope by central differences (N,)."""
    step, columns = 1e-5, []
    flat = at_NCHW.flatten(1)
    for axis in range(flat.shape[1]):
        move = torch.zeros_like(flat)
        move[:, axis] = step
        up, down = (judge.discriminator((flat + sign * move).view_as(at_NCHW)) for sign in (1, -1))
        columns.append((up - down) / (2 * step))
    return torch.stack(columns, dim=1).square().sum(dim=1).sqrt()


def gradients(judge: Critic) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in judge.named_parameters() if p.grad is not None}


def test_the_loss_is_that_of_the_paper() -> None:
    judge, (real, fake, mix_N) = critic(), pairs()
    verdict = judge(real, fake, mix_N)
    with torch.no_grad():
        logits = [float(judge.discriminator(images).mean()) for images in (real, fake)]
        between = mix_N[:, None, None, None] * real + (1 - mix_N[:, None, None, None]) * fake
        penalty = 10 * (slopes(judge, between) - 1).square().mean()
    assert [float(verdict.logit_real), float(verdict.logit_fake)] == pytest.approx(logits)
    assert float(verdict.loss_dis) == pytest.approx(float(logits[1] - logits[0]))
    assert float(verdict.loss_gp) == pytest.approx(float(penalty), rel=1e-6)
    assert float(verdict.loss.detach()) == pytest.approx(float(verdict.loss_dis) + float(verdict.loss_gp))


def test_the_penalty_moves_every_weight_as_it_should() -> None:
    """Each parameter's gradient against a difference of losses along a random direction."""
    judge, batch = critic(), pairs()
    torch.autograd.backward(judge(*batch).loss)
    found = gradients(judge)
    assert found.keys() == dict(judge.named_parameters()).keys()
    drawn, step = torch.Generator().manual_seed(2), 1e-6
    for name, parameter in judge.named_parameters():
        along = torch.randn(parameter.shape, generator=drawn, dtype=torch.float64)
        losses = []
        for sign in (1, -2, 1):
            parameter.data.add_(along, alpha=sign * step)
            losses.append(float(judge(*batch).loss.detach()))
        expected = (losses[0] - losses[1]) / (2 * step)
        assert float((found[name] * along).sum().detach()) == pytest.approx(expected, rel=1e-4, abs=1e-6), (
            name
        )


def test_equal_parts_average_to_the_whole() -> None:
    whole, parts, batch = critic(), critic(), pairs()
    torch.autograd.backward(whole(*batch).loss)
    for half in (slice(0, 2), slice(2, 4)):
        torch.autograd.backward(parts(*(tensor[half] for tensor in batch)).loss / 2)
    for name, gradient in gradients(whole).items():
        torch.testing.assert_close(gradients(parts)[name], gradient)


def test_without_a_penalty() -> None:
    verdict = critic(lam=0.0)(*pairs())
    assert float(verdict.loss_gp) == 0
    assert float(verdict.loss.detach()) == float(verdict.loss_dis)


def test_the_generator_gets_its_gradient_and_the_discriminator_none() -> None:
    judge, (_, fake, _) = critic(), pairs()
    made = fake.clone().requires_grad_()
    loss = judge.deceived_by(made * 1, share=0.5)
    assert float(loss) == pytest.approx(-float(judge.discriminator(fake).mean().detach()))
    assert not gradients(judge)
    (slope,) = torch.autograd.grad(-judge.discriminator(made).mean(), made)
    assert made.grad is not None
    torch.testing.assert_close(made.grad, slope / 2)


@pytest.mark.usefixtures("float64")
def test_objectives_by_hand() -> None:
    two = torch.tensor([1.0, 3.0])
    assert float(critic_loss(two, two + 5)) == 5
    assert float(generator_loss(two)) == -2
    assert float(slope_penalty(torch.tensor([[[[3.0, 4.0]]], [[[0.0, 1.0]]]]))) == 8  # (5 - 1)² and (1 - 1)²
    assert float(reconstruction_loss(two, torch.tensor([2.0, 5.0]))) == 1.5
    probability = torch.tensor([0.25, 0.5])
    logits = probability.log() - (1 - probability).log()
    assert float(deception_loss(logits)) == pytest.approx(-float(probability.log().mean()))
    expected = -float(probability.log().mean() + (1 - probability).log().mean())
    assert float(detection_loss(logits, logits)) == pytest.approx(expected)


@pytest.mark.usefixtures("float64")
def test_images_are_to_have_high_logits_and_reconstructions_low_ones() -> None:
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    torch.testing.assert_close(detection_loss(real, fake), (softplus(-real) + softplus(fake)).squeeze())
