import pytest
import torch
from torch import Tensor

from trainables.video_gan.critic import Critic
from trainables.video_gan.discriminator import Discriminator, Pooling
from trainables.video_gan.objective import Form, discriminator_loss, generator_loss, squared_slopes

PYRAMID = {"s_t=2": ((8, 4), (4, 8), (2, 16), (1, 32)), "s_t=4": ((4, 4), (1, 8), (1, 16), (1, 32))}


def videos(shapes: tuple[tuple[int, int], ...], samples: int = 3) -> list[Tensor]:
    return [torch.rand(samples, 3, t, s, s, dtype=torch.float64) * 2 - 1 for t, s in shapes]


def check_against_autograd(
    net: Discriminator,
    shapes: tuple[tuple[int, int], ...],
    form: Form,
    frames: Tensor | None,
    penalty: float,
    labels: Tensor | None = None,
) -> None:
    """One pass of the critic gives what automatic differentiation gives, through a double backward for R1."""
    net = net.double()
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    real, fake = videos(shapes), videos(shapes)
    verdict = Critic(net, form=form, penalty=penalty, share=0.5)(real, fake, frames, labels)
    verdict.backward()
    ours = [parameter.grad for parameter in net.parameters()]
    net.zero_grad()

    for video in (*real, *fake):
        video.requires_grad_()
    halves = (None, None) if frames is None else frames.chunk(2)
    real_NL, fake_NL = net(real, halves[0], labels), net(fake, halves[1], labels)
    slopes = torch.autograd.grad(real_NL.sum(), real, create_graph=True)
    loss_gen, loss_dis = generator_loss(fake_NL, form), discriminator_loss(real_NL, fake_NL, form)
    loss_gp = penalty * squared_slopes(slopes).mean()
    pulls = torch.autograd.grad(0.5 * loss_gen, fake, retain_graph=True)
    theirs = torch.autograd.grad(0.5 * (loss_dis + loss_gp), list(net.parameters()))

    for mine, other in zip((*ours, *verdict.fake_gradients), (*theirs, *pulls), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))
    for mine, other in (
        (verdict.loss_gen, loss_gen),
        (verdict.loss_dis, loss_dis),
        (verdict.loss_gp, loss_gp),
    ):
        assert float(mine) == pytest.approx(float(other.detach()), rel=1e-5)


@pytest.mark.parametrize("shapes", PYRAMID.values(), ids=PYRAMID)
@pytest.mark.parametrize("form", ["per_level", "eq7"])
@pytest.mark.parametrize("pooling", ["reference", "paper"])
def test_four_levels(shapes: tuple[tuple[int, int], ...], form: Form, pooling: Pooling) -> None:
    torch.manual_seed(0)
    check_against_autograd(Discriminator(channels=2, pooling=pooling), shapes, form, None, 3.0)


def test_two_streams() -> None:
    torch.manual_seed(0)
    net = Discriminator(levels=1, channels=2, two_stream=True)
    check_against_autograd(net, ((4, 16),), "per_level", torch.tensor([1, 1, 1, 3, 3, 3]), 3.0)


def test_a_conditional_model() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([3, 0, 3])
    four = Discriminator(channels=2, classes=4)
    check_against_autograd(four, PYRAMID["s_t=2"], "per_level", None, 3.0, labels)
    two = Discriminator(levels=1, channels=2, two_stream=True, classes=4)
    frames = torch.tensor([1, 1, 1, 3, 3, 3])
    check_against_autograd(two, ((4, 16),), "per_level", frames, 3.0, labels)


def test_no_penalty() -> None:
    torch.manual_seed(0)
    check_against_autograd(Discriminator(levels=1, channels=2), ((4, 16),), "per_level", None, 0.0)


def test_bfloat16_is_near_float32() -> None:
    torch.manual_seed(0)
    net = Discriminator(channels=4)
    critic = Critic(net, form="per_level", penalty=1.0)
    real, fake = ([video.float() for video in videos(PYRAMID["s_t=2"])] for _ in range(2))
    gradients = []
    for enabled in (False, True):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            verdict = critic(real, fake)
        verdict.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    assert gradients[1].dtype == torch.float32
    assert float((gradients[0] - gradients[1]).norm() / gradients[0].norm()) < 0.15
