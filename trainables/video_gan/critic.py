"""One micro-batch seen by the discriminator: every loss, and every gradient, of a step from one forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainables.parts.layout import packed
from trainables.video_gan.discriminator import Discriminator
from trainables.video_gan.objective import Form, discriminator_loss, generator_loss, squared_slopes
from trainables.video_gan.passes import Recorded, Tangent


@dataclass(frozen=True)
class Verdict:
    """What the discriminator makes of real and generated videos.

    Attributes:
        gradients: of loss_dis + loss_gp, each with the kernel or bias that it is of.
        fake_gradients: of loss_gen with respect to each generated video.
        loss_gen: the generator's loss.
        loss_dis: the discriminator's, without the penalty.
        loss_gp: the penalty, with its weight.
        real_NL: logits of the real videos.
        fake_NL: logits of the generated ones.
    """

    gradients: tuple[tuple[Tensor, Tensor], ...]
    fake_gradients: tuple[Tensor, ...]
    loss_gen: Tensor
    loss_dis: Tensor
    loss_gp: Tensor
    real_NL: Tensor
    fake_NL: Tensor

    def backward(self) -> None:
        """Add the gradient of loss_dis + loss_gp to the discriminator's parameters."""
        kernels, gradients = zip(*self.gradients, strict=True)
        torch.autograd.backward(kernels, gradients)


class Critic(nn.Module):
    """The discriminator's training pass: what is wrapped for DDP, called once and backpropagated once a micro-batch.

    Args:
        form: of the losses.
        penalty: weight of the mean over samples of Σ_l ‖∇D'_l‖² at the real videos (Equation 10).
        share: of a micro-batch in an update; all gradients are times it.
    """

    def __init__(
        self, discriminator: Discriminator, *, form: Form, penalty: float, share: float = 1.0
    ) -> None:
        super().__init__()
        self.discriminator, self.form, self.penalty, self.share = discriminator, form, penalty, share

    def forward(
        self,
        real: Sequence[Tensor],
        fake: Sequence[Tensor],
        frames_M: Tensor | None = None,
        labels_N: Tensor | None = None,
    ) -> Verdict:
        """Judge the videos of all levels, (N, 3, T_l, H_l, W_l) in [-1, 1].

        Args:
            frames_M: for the 3D + 2D baseline, the frame of each of the 2N videos (real ones first) that is judged
                by itself.
            labels_N: for a conditional model, the classes of the real videos, and of the generated ones too.
        """
        samples = len(real[0])
        labels_M = None if labels_N is None else labels_N.repeat(2)
        passes = [Recorded() for _ in real]
        logits, slopes, cotangents = [], [], []
        for level, (run, *pair) in enumerate(zip(passes, real, fake, strict=True)):
            x_MCTHW = packed(torch.cat(pair).detach()).requires_grad_()
            logits_M = self.discriminator.judge(level, x_MCTHW, run, frames_M, labels_M)
            slope, cotangent = run.backward(logits_M, x_MCTHW)
            logits.append(logits_M.detach().float())
            slopes.append(slope)
            cotangents.append(cotangent)
        logits_ML = torch.stack(logits, dim=1)
        real_NL, fake_NL = logits_ML[:samples].requires_grad_(), logits_ML[samples:].requires_grad_()
        loss_gen = generator_loss(fake_NL, self.form)
        loss_dis = discriminator_loss(real_NL, fake_NL, self.form)
        pull_NL = torch.autograd.grad(loss_gen, fake_NL)[0] * self.share
        push_ML = torch.cat(torch.autograd.grad(loss_dis, (real_NL, fake_NL))) * self.share
        penalty = self.penalty * self.share / samples
        pairs: list[tuple[Tensor, Tensor]] = []
        for level, run in enumerate(passes):
            tangents = self._tangents(level, run, slopes[level][:samples], frames_M, labels_N)
            pairs += run.gradients(cotangents[level], push_ML[:, level], tangents, penalty)
        return Verdict(
            gradients=tuple(pairs),
            fake_gradients=tuple(
                slope[samples:] * pull_NL[:, level, None, None, None, None]
                for level, slope in enumerate(slopes)
            ),
            loss_gen=loss_gen.detach(),
            loss_dis=loss_dis.detach(),
            loss_gp=self.penalty * squared_slopes([slope[:samples] for slope in slopes]).mean(),
            real_NL=real_NL.detach(),
            fake_NL=fake_NL.detach(),
        )

    @torch.no_grad()
    def _tangents(
        self,
        level: int,
        recorded: Recorded,
        slope_NCTHW: Tensor,
        frames_M: Tensor | None,
        labels_N: Tensor | None,
    ) -> list[Tensor]:
        """Each convolution's input when the real videos' slopes run through the recorded gates."""
        if self.penalty == 0:
            return [call.x_NCTHW[:0] for call in recorded.calls]
        run = Tangent(recorded)
        self.discriminator.judge(level, slope_NCTHW, run, frames_M, labels_N)
        return run.inputs
