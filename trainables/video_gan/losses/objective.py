"""The losses of TGANv2 as functions of logits.

Shapes: n_l samples of each of L levels, N where all levels have as many. σ is the sigmoid; softplus(-y) = -ln σ(y),
softplus(y) = -ln(1 - σ(y)).
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Form = Literal["per_level", "eq7"]
"""``per_level``: each level is judged by itself and the mean is over all judgements, as in the authors' code; ``eq7``:
one judgement of the sum of the levels' logits (Equation 7)."""

Adversarial = Literal["softplus", "wasserstein"]
"""``softplus``: Equation 4, with the non-saturating loss of the generator; ``wasserstein``: the mean logits themselves
(Gulrajani et al. 2017, Equation 3)."""


def generator_loss(fake: Sequence[Tensor], form: Form, adversarial: Adversarial = "softplus") -> Tensor:
    """The generator's loss, a scalar: the mean over judgements y of softplus(-y), or of -y.

    Args:
        fake: for each level the logits (n_l,) of generated videos.
    """
    judged = _judgements(fake, form)
    return (F.softplus(-judged) if adversarial == "softplus" else -judged).mean()


def discriminator_loss(
    real: Sequence[Tensor], fake: Sequence[Tensor], form: Form, adversarial: Adversarial = "softplus"
) -> Tensor:
    """The discriminator's loss, a scalar: mean softplus(-y_real) + mean softplus(y_fake), or mean y_fake - mean y_real.

    Args:
        real: for each level the logits (n_l,) of real videos.
        fake: likewise of generated ones.
    """
    judged_real, judged_fake = _judgements(real, form), _judgements(fake, form)
    if adversarial == "wasserstein":
        return judged_fake.mean() - judged_real.mean()
    return F.softplus(-judged_real).mean() + F.softplus(judged_fake).mean()


def _judgements(logits: Sequence[Tensor], form: Form) -> Tensor:
    return torch.stack(list(logits)).sum(dim=0) if form == "eq7" else torch.cat(list(logits))
