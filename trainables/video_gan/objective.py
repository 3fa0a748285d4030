"""The losses and the penalty of TGANv2 as functions of logits and gradients.

Shapes: N samples, L levels. σ is the sigmoid; softplus(-y) = -ln σ(y), softplus(y) = -ln(1 - σ(y)).
"""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

Form = Literal["per_level", "eq7"]
"""``per_level``: each level is judged by itself and the losses are averaged, as in the authors' code; ``eq7``: one
judgement of the sum of the levels' logits (Equation 7)."""


def generator_loss(fake_NL: Tensor, form: Form) -> Tensor:
    """The generator's non-saturating loss, a scalar: the mean of softplus(-y) over judgements."""
    return F.softplus(-_judgements(fake_NL, form)).mean()


def discriminator_loss(real_NL: Tensor, fake_NL: Tensor, form: Form) -> Tensor:
    """The negative of Equation 4, a scalar: mean softplus(-y_real) + mean softplus(y_fake)."""
    real, fake = _judgements(real_NL, form), _judgements(fake_NL, form)
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def squared_slopes(slopes: Sequence[Tensor]) -> Tensor:
    """The inner sum of Equation 10: Σ_l ‖∇D'_l(x_l)‖² for each sample, (N,), in float32.

    Args:
        slopes: for each level the gradient of the logits with respect to its real videos, (N, 3, T_l, H_l, W_l).
    """
    return sum(
        (slope.flatten(1).float().square().sum(dim=1) for slope in slopes), start=slopes[0].new_zeros(())
    )


def _judgements(logits_NL: Tensor, form: Form) -> Tensor:
    return logits_NL.sum(dim=1) if form == "eq7" else logits_NL
