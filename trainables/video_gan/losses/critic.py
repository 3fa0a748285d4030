"""One micro-batch seen by the discriminator: every loss, and every gradient, of a step from one forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.parts.layout import packed
from trainables.parts.precision import widened
from trainables.video_gan.losses.objective import Adversarial, Form, discriminator_loss, generator_loss
from trainables.video_gan.losses.penalty import Penalty, between, squares
from trainables.video_gan.modules.discriminator import Discriminator
from trainables.video_gan.modules.passes import Recorded, Tangent


@dataclass(frozen=True)
class Verdict:
    """Losses and gradients of the discriminator on real and generated videos.

    Attributes:
        gradients: of loss_dis + loss_gp, each with the kernel or bias that it is of.
        fake_gradients: of loss_gen with respect to each generated video.
        loss_gen: the generator's loss.
        loss_dis: the discriminator's, without the penalty.
        loss_gp: the penalty, with its weight.
        real: for each level the logits (n_l,) of the real videos.
        fake: likewise of the generated ones.
    """

    gradients: tuple[tuple[Tensor, Tensor], ...]
    fake_gradients: tuple[Tensor, ...]
    loss_gen: Tensor
    loss_dis: Tensor
    loss_gp: Tensor
    real: tuple[Tensor, ...]
    fake: tuple[Tensor, ...]

    def backward(self) -> None:
        """Add the gradient of loss_dis + loss_gp to the discriminator's parameters."""
        kernels, gradients = zip(*self.gradients, strict=True)
        torch.autograd.backward(kernels, gradients)


class Critic(nn.Module):
    """The discriminator's training pass: what is wrapped for DDP, called once and backpropagated once a micro-batch.

    Args:
        form: of the losses.
        adversarial: which losses.
        penalty: on the slopes of each level.
        share: of a micro-batch in an update; all gradients are times it.
        one_in: for each level, of how many samples it sees one; None where all levels see all.
    """

    def __init__(
        self,
        discriminator: Discriminator,
        *,
        form: Form = "per_level",
        adversarial: Adversarial = "softplus",
        penalty: Penalty,
        share: float = 1.0,
        one_in: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.discriminator, self.form, self.adversarial = discriminator, form, adversarial
        self.penalty, self.share = penalty, share
        self.one_in = tuple(one_in or (1 for _ in discriminator.levels))

    def forward(
        self,
        real: Sequence[Tensor],
        fake: Sequence[Tensor],
        frames_M: Tensor | None = None,
        labels_N: Tensor | None = None,
        mix_N: Tensor | None = None,
    ) -> Verdict:
        """Judge the videos of all levels, (n_l, 3, T_l, H_l, W_l) in [-1, 1].

        Args:
            frames_M: for the 3D + 2D baseline, the frame of each of the 2N videos (real ones first) that is judged
                by itself.
            labels_N: for a conditional model, the classes of the real videos, and of the generated ones too.
            mix_N: for a penalty between real and generated videos, each sample's ε, the share of the real one.

        Raises:
            ValueError: that penalty has no `mix_N`.
        """
        if self.penalty.between and mix_N is None:
            raise ValueError(
                f"a {self.penalty.kind} penalty needs mix_N, the shares of real videos in its points"
            )
        passes = [Recorded() for _ in real]
        real_logits, fake_logits, slopes, cotangents = [], [], [], []
        for level, (run, *pair) in enumerate(zip(passes, real, fake, strict=True)):
            samples, frames, mix = len(pair[0]), frames_M, self._kept(mix_N, level)
            if self.penalty.between and mix is not None:  # a penalty's points come first, like R1's
                pair = [between(pair[0], pair[1], mix), *pair]
                frames = None if frames_M is None else torch.cat([frames_M[:samples], frames_M])
            labels = self._kept(labels_N, level)
            labels = None if labels is None else labels.repeat(len(pair))
            x_MCTHW = packed(torch.cat(pair).detach()).requires_grad_()
            logits_M = self.discriminator.logits(level, x_MCTHW, run, frames, labels)
            slope, cotangent = run.backward(logits_M, x_MCTHW)
            judged_M = widened(logits_M.detach())[-2 * samples :]
            real_logits.append(judged_M[:samples].requires_grad_())
            fake_logits.append(judged_M[samples:].requires_grad_())
            slopes.append(slope)
            cotangents.append(cotangent)
        loss_gen = generator_loss(fake_logits, self.form, self.adversarial)
        loss_dis = discriminator_loss(real_logits, fake_logits, self.form, self.adversarial)
        pulls = torch.autograd.grad(loss_gen, fake_logits)
        pushes = torch.autograd.grad(loss_dis, [*real_logits, *fake_logits])
        weight, loss_gp = self.penalty.weight / len(real[0]), torch.zeros_like(loss_dis)
        pairs: list[tuple[Tensor, Tensor]] = []
        for level, run in enumerate(passes):
            slope_NCTHW, labels = slopes[level][: len(real[level])], self._kept(labels_N, level)
            s_N = squares(slope_NCTHW)
            loss_gp = loss_gp + weight * self.penalty.p(s_N).sum()
            if self.penalty.kind != "r1":
                slope_NCTHW = slope_NCTHW * self.penalty.dp(s_N)[:, None, None, None, None]
            tangents = self._tangents(level, run, slope_NCTHW, frames_M, labels)
            push_M = torch.cat([pushes[level], pushes[level + len(real)]]) * self.share
            push_M = F.pad(push_M, (len(slopes[level]) - len(push_M), 0))  # points in between are not judged
            pairs += run.gradients(cotangents[level], push_M, tangents, weight * self.share)
        return Verdict(
            gradients=tuple(pairs),
            fake_gradients=tuple(
                slope[-len(pull_N) :] * (self.share * pull_N[:, None, None, None, None])
                for slope, pull_N in zip(slopes, pulls, strict=True)
            ),
            loss_gen=loss_gen.detach(),
            loss_dis=loss_dis.detach(),
            loss_gp=loss_gp.detach(),
            real=tuple(logits.detach() for logits in real_logits),
            fake=tuple(logits.detach() for logits in fake_logits),
        )

    def _kept(self, x_N: Tensor | None, level: int) -> Tensor | None:
        """Values of the samples that the level sees: (n_l,)."""
        return None if x_N is None else x_N[:: self.one_in[level]]

    @torch.no_grad()
    def _tangents(
        self,
        level: int,
        recorded: Recorded,
        slope_NCTHW: Tensor,
        frames_M: Tensor | None,
        labels_N: Tensor | None,
    ) -> list[Tensor]:
        """Each convolution's input when the first videos' slopes, times p', run through the recorded gates."""
        if self.penalty.weight == 0:
            return [call.x_NCTHW[:0] for call in recorded.calls]
        run = Tangent(recorded)
        self.discriminator.logits(level, slope_NCTHW, run, frames_M, labels_N)
        return run.inputs
