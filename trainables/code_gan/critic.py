"""The discriminator's training pass in stage 2: WGAN-GP's loss with its gradient penalty."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainables.code_gan.networks import Discriminator
from trainables.code_gan.stages.objective import critic_loss, generator_loss, slope_penalty


@dataclass(frozen=True)
class Verdict:
    """Losses and gradients of the discriminator on a micro-batch.

    Attributes:
        loss: to be backpropagated: loss_dis + loss_gp.
        loss_dis: mean logit of the generated less that of the real ones.
        loss_gp: the penalty, with its weight.
        logit_real: mean logit.
        logit_fake: mean logit.
    """

    loss: Tensor
    loss_dis: Tensor
    loss_gp: Tensor
    logit_real: Tensor
    logit_fake: Tensor


class Critic(nn.Module):
    """The discriminator with its loss: what is wrapped for DDP, called once and backpropagated once a micro-batch.

    The slopes' own graph is made inside, so that the loss reaches every parameter in one backward pass, which is when
    DDP averages gradients. Everything is a mean over samples that do not meet, so equal parts average to the whole.

    Args:
        lam: λ, the weight of the penalty.
    """

    def __init__(self, discriminator: Discriminator, *, lam: float) -> None:
        super().__init__()
        self.discriminator, self.lam = discriminator, lam

    def forward(self, real_NCHW: Tensor, fake_NCHW: Tensor, mix_N: Tensor) -> Verdict:
        """Judge real and generated samples, and take the slopes at ε · real + (1 - ε) · generated.

        Args:
            mix_N: ε of each pair, in [0, 1).
        """
        logits_M = self.discriminator(torch.cat([real_NCHW, fake_NCHW]))
        real_N, fake_N = logits_M[: len(real_NCHW)], logits_M[len(real_NCHW) :]
        loss_dis = critic_loss(real_N, fake_N)
        loss_gp = torch.zeros_like(loss_dis)
        if self.lam:
            mixed_NCHW = torch.lerp(fake_NCHW, real_NCHW, mix_N[:, None, None, None]).requires_grad_()
            judged = self.discriminator(mixed_NCHW).sum()
            (slope_NCHW,) = torch.autograd.grad(judged, mixed_NCHW, create_graph=True)
            loss_gp = self.lam * slope_penalty(slope_NCHW)
        return Verdict(
            loss=loss_dis + loss_gp,
            loss_dis=loss_dis.detach(),
            loss_gp=loss_gp.detach(),
            logit_real=real_N.detach().mean(),
            logit_fake=fake_N.detach().mean(),
        )

    def deceived_by(self, fake_NCHW: Tensor, share: float = 1.0) -> Tensor:
        """The generator's loss, a scalar; its gradient times `share` goes back into what made the samples.

        No gradient of the discriminator's own is taken.
        """
        loss = generator_loss(self.discriminator(fake_NCHW))
        torch.autograd.backward(fake_NCHW, torch.autograd.grad(loss * share, fake_NCHW))
        return loss.detach()
