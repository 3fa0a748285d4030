from collections.abc import Sequence
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.precision import allowance
from trainables.parts.resample import Axis, kernel_of
from trainables.video_gan.losses.critic import Critic
from trainables.video_gan.losses.objective import Adversarial, Form, discriminator_loss, generator_loss
from trainables.video_gan.losses.penalty import Penalty, between
from trainables.video_gan.modules.blocks import Pooling
from trainables.video_gan.modules.discriminator import Discriminator
from trainables.video_gan.modules.passes import Pass

R1, WGAN_GP = Penalty("r1", 3.0), Penalty("wgan-gp", 3.0)
PYRAMID = {"s_t=2": ((8, 4), (4, 8), (2, 16), (1, 32)), "s_t=4": ((4, 4), (1, 8), (1, 16), (1, 32))}


def videos(shapes: tuple[tuple[int, int], ...], samples: int = 3) -> list[Tensor]:
    return [torch.rand(samples, 3, t, s, s, dtype=torch.float64) * 2 - 1 for t, s in shapes]


def check_against_autograd(
    net: Discriminator,
    shapes: tuple[tuple[int, int], ...],
    penalty: Penalty,
    *,
    form: Form = "per_level",
    adversarial: Adversarial = "softplus",
    frames: Tensor | None = None,
    labels: Tensor | None = None,
    keep: int = 1,
) -> None:
    """One pass of the critic gives what automatic differentiation gives, through a double backward for the penalty.

    Args:
        keep: each level after the first has every keep-th sample of the one before.
    """
    net = net.double()
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    real, fake = ([x[:: keep**level] for level, x in enumerate(videos(shapes))] for _ in range(2))
    mix_N, one_in = torch.rand(len(real[0]), dtype=torch.float64), [keep**level for level in range(len(real))]
    critic = Critic(net, form=form, adversarial=adversarial, penalty=penalty, share=0.5, one_in=one_in)
    verdict = critic(real, fake, frames, labels, mix_N)
    verdict.backward()
    ours = [parameter.grad for parameter in net.parameters()]
    net.zero_grad()
    net.load_state_dict(state)  # spectral norm's vectors before the pass

    run = Cached()
    for video in (*real, *fake):
        video.requires_grad_()
    points = [
        between(r, f, mix_N[::k]).detach().requires_grad_()
        for r, f, k in zip(real, fake, one_in, strict=True)
    ]
    halves = (None, None) if frames is None else frames.chunk(2)
    told = [None if labels is None else labels[::k] for k in one_in]
    judged = [
        [net.logits(level, x, run, which, told[level]) for level, x in enumerate(some)]
        for some, which in ((real, halves[0]), (fake, halves[1]), (points, halves[0]))
    ]
    at, logits = (points, judged[2]) if penalty.between else (real, judged[0])
    slopes = torch.autograd.grad(torch.cat(logits).sum(), at, create_graph=True)
    loss_gen = generator_loss(judged[1], form, adversarial)
    loss_dis = discriminator_loss(judged[0], judged[1], form, adversarial)
    norms = torch.cat([slope.flatten(1).norm(dim=1) for slope in slopes])
    p = (norms - 1).square() if penalty.kind == "wgan-gp" else norms.square()
    loss_gp = penalty.weight * p.sum() / len(real[0])
    pulls = torch.autograd.grad(0.5 * loss_gen, fake, retain_graph=True)
    theirs = torch.autograd.grad(0.5 * (loss_dis + loss_gp), list(net.parameters()))

    for mine, other in zip((*ours, *verdict.fake_gradients), (*theirs, *pulls), strict=True):
        # Where real and generated videos cancel, rounding is all that is left.
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-12 + 1e-9 * float(other.abs().max()))
    for mine, other in (
        (verdict.loss_gen, loss_gen),
        (verdict.loss_dis, loss_dis),
        (verdict.loss_gp, loss_gp),
    ):
        assert float(mine) == pytest.approx(float(other.detach()), rel=1e-9)


class Cached(Pass):
    """A pass that asks each layer for its kernel once, as one training pass does: spectral norm changes with each."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[nn.Conv3d, Tensor] = {}

    def _conv(self, layer: nn.Conv3d, x_NCTHW: Tensor, axes: Sequence[Axis]) -> Tensor:
        if layer not in self.weights:
            self.weights[layer] = layer.weight
        stride, padding = [axis.stride for axis in axes], [axis.padding for axis in axes]
        return F.conv3d(
            x_NCTHW, kernel_of(self.weights[layer], axes), layer.bias, stride=stride, padding=padding
        )


@pytest.mark.parametrize("shapes", PYRAMID.values(), ids=PYRAMID)
@pytest.mark.parametrize("form", ["per_level", "eq7"])
@pytest.mark.parametrize("pooling", ["reference", "paper"])
def test_four_levels(shapes: tuple[tuple[int, int], ...], form: Form, pooling: Pooling) -> None:
    torch.manual_seed(0)
    check_against_autograd(Discriminator(channels=2, pooling=pooling), shapes, R1, form=form)


@pytest.mark.parametrize("adversarial", ["softplus", "wasserstein"])
@pytest.mark.parametrize("form", ["per_level", "eq7"])
def test_wgan_gp(form: Form, adversarial: Adversarial) -> None:
    torch.manual_seed(0)
    net = Discriminator(channels=2)
    check_against_autograd(net, PYRAMID["s_t=2"], WGAN_GP, form=form, adversarial=adversarial)


@pytest.mark.parametrize("penalty", [R1, WGAN_GP], ids=lambda penalty: penalty.kind)
def test_two_streams(penalty: Penalty) -> None:
    torch.manual_seed(0)
    net = Discriminator(levels=1, channels=2, two_stream=True)
    check_against_autograd(net, ((4, 16),), penalty, frames=torch.tensor([1, 1, 1, 3, 3, 3]))


@pytest.mark.parametrize("penalty", [R1, WGAN_GP], ids=lambda penalty: penalty.kind)
@pytest.mark.parametrize("residual", [True, False])
def test_spectral_norm_and_plain_blocks(residual: bool, penalty: Penalty) -> None:
    torch.manual_seed(0)
    net = Discriminator(channels=2, residual=residual, spectral_norm=residual)
    check_against_autograd(net, PYRAMID["s_t=2"], penalty)


@pytest.mark.parametrize("penalty", [R1, WGAN_GP], ids=lambda penalty: penalty.kind)
def test_batch_subsampling(penalty: Penalty) -> None:
    torch.manual_seed(0)
    check_against_autograd(Discriminator(channels=2), PYRAMID["s_t=2"], penalty, keep=2)


@pytest.mark.parametrize("penalty", [R1, WGAN_GP], ids=lambda penalty: penalty.kind)
def test_a_conditional_model(penalty: Penalty) -> None:
    torch.manual_seed(0)
    labels = torch.tensor([3, 0, 3])
    four = Discriminator(channels=2, classes=4)
    check_against_autograd(four, PYRAMID["s_t=2"], penalty, labels=labels, keep=2)
    two = Discriminator(levels=1, channels=2, two_stream=True, classes=4)
    frames = torch.tensor([1, 1, 1, 3, 3, 3])
    check_against_autograd(two, ((4, 16),), penalty, frames=frames, labels=labels)


def test_no_penalty() -> None:
    torch.manual_seed(0)
    check_against_autograd(Discriminator(levels=1, channels=2), ((4, 16),), Penalty())


def test_a_penalty_between_needs_the_shares() -> None:
    critic = Critic(Discriminator(levels=1, channels=2), penalty=WGAN_GP)
    with pytest.raises(ValueError, match="a wgan-gp penalty needs mix_N"):
        critic([torch.zeros(1, 3, 4, 16, 16)], [torch.zeros(1, 3, 4, 16, 16)])


def test_bfloat16_is_as_near_as_its_rounding_lets_it_be() -> None:
    torch.manual_seed(0)
    net = Discriminator(channels=4)
    real, fake = ([video.float() for video in videos(PYRAMID["s_t=2"])] for _ in range(2))

    def gradients(net: Discriminator, real: Sequence[Tensor], fake: Sequence[Tensor]) -> dict[str, Tensor]:
        net.zero_grad()
        Critic(net, penalty=Penalty("r1", 1.0))(real, fake).backward()
        found = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
        assert len(found) == len(list(net.parameters()))
        return found

    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(net, real, fake)
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}
    doubles = deepcopy(net).double(), [x.double() for x in real], [x.double() for x in fake]
    exact = gradients(*doubles)
    # Its sums are float32, so that each operation rounds once, by at most 2⁻⁹.
    off = allowance(lambda: gradients(*doubles), exact, size=2.0**-9)
    for name, gradient in found.items():
        assert float((gradient.double() - exact[name]).norm()) <= off[name], name
