"""Gradient penalties on the discriminators: functions of s = ‖∇D_l(x)‖², the squared slope of one sample at one level.

The penalty of a micro-batch is weight / N · Σ_l Σ_i p(s_li) over its N samples, as Equation 10 sums; with batch
sub-sampling the higher levels add fewer samples.

- ``r1``: p(s) = s at real videos (Mescheder et al. 2018; Equation 10).
- ``wgan-gp``: p(s) = (√s - 1)² at ε x_real + (1 - ε) x_fake, ε uniform in [0, 1) (Gulrajani et al. 2017, Equation 3).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from trainables.parts.precision import widened

Kind = Literal["r1", "wgan-gp"]
TINY = 1e-30
"""The least s that a root is taken of: at 0 the derivative of √s is infinite."""


@dataclass(frozen=True)
class Penalty:
    """A penalty and its weight; a weight of 0 is none.

    Attributes:
        kind: which function, and where slopes are taken.
        weight: of the mean over samples of Σ_l p(s).
    """

    kind: Kind = "r1"
    weight: float = 0.0

    @property
    def between(self) -> bool:
        """True if slopes are taken between real and generated videos, not at the real ones."""
        return self.kind == "wgan-gp" and self.weight > 0

    def p(self, s_N: Tensor) -> Tensor:
        """The penalty of each squared slope, (N,)."""
        return s_N if self.kind == "r1" else (s_N.sqrt() - 1).square()

    def dp(self, s_N: Tensor) -> Tensor:
        """∂p/∂s, (N,)."""
        return torch.ones_like(s_N) if self.kind == "r1" else 1 - s_N.clamp_min(TINY).rsqrt()


def between(real_NCTHW: Tensor, fake_NCTHW: Tensor, mix_N: Tensor) -> Tensor:
    """ε x_real + (1 - ε) x_fake for each sample's ε."""
    return torch.lerp(fake_NCTHW, real_NCTHW, mix_N[:, None, None, None, None])


def squares(slope_NCTHW: Tensor) -> Tensor:
    """s of each sample, (N,), in float32 at least."""
    return widened(slope_NCTHW.flatten(1)).square().sum(dim=1)
