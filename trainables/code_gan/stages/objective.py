"""The losses of both stages as functions of logits, images and slopes; each is a mean over samples.

softplus(-y) = -ln σ(y) and softplus(y) = -ln(1 - σ(y)), where σ is the sigmoid.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def reconstruction_loss(reconstructed_NCHW: Tensor, x_NCHW: Tensor) -> Tensor:
    """Stage 1: the mean absolute difference, a scalar."""
    return F.l1_loss(reconstructed_NCHW, x_NCHW)


def deception_loss(fake_logits: Tensor) -> Tensor:
    """Stage 1: -log D of reconstructions, over all patches: a scalar, which α weighs."""
    return F.softplus(-fake_logits).mean()


def detection_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Stage 1: -log D of images and -log(1 - D) of reconstructions: a scalar."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def critic_loss(real_N: Tensor, fake_N: Tensor) -> Tensor:
    """Stage 2: the negative of the critic's estimate of the Wasserstein distance, a scalar (WGAN-GP, Equation 3)."""
    return fake_N.mean() - real_N.mean()


def generator_loss(fake_N: Tensor) -> Tensor:
    """Stage 2: a scalar."""
    return -fake_N.mean()


def slope_penalty(slope_NCHW: Tensor) -> Tensor:
    """Stage 2: the mean of (‖∇D‖₂ - 1)² over samples (WGAN-GP, Equation 3), a scalar without λ.

    Args:
        slope_NCHW: gradient of each logit with respect to what was judged.
    """
    norms_N: Tensor = torch.linalg.vector_norm(slope_NCHW.flatten(1), dim=1)
    return (norms_N - 1).square().mean()
