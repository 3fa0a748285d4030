"""The Inception score of class logits, in float64.

Salimans et al., "Improved Techniques for Training GANs" (2016), §4: IS = exp(E_x KL(p(y|x) || p(y))). Logits are small
(2,048 × 101 doubles are 1.6 MB): every worker gathers all of them and computes the same number.
"""

import torch
from torch import Tensor

EPSILON = 1e-20  # added to probabilities under the logarithm, as in the reference evaluation of TGANv2


def inception_score(logits_NK: Tensor, splits: int = 1) -> float:
    """Inception score: the mean over splits of exp(mean KL divergence to the split's marginal), natural logarithm.

    Args:
        logits_NK: class logits (N samples, K classes), unnormalised, any float type; softmax is taken in float64.
        splits: number of equal contiguous splits of the samples, each with its own marginal.

    Returns:
        A number in [1, K]: exactly 1 if all samples are equal, K if predictions are certain and classes equally frequent.

    Raises:
        ValueError: the samples can't be divided into that many equal splits.
        FloatingPointError: a logit is not finite.
    """
    if logits_NK.ndim != 2 or not len(logits_NK) or splits < 1 or len(logits_NK) % splits:
        raise ValueError(
            f"logits must be (N, K) with N a positive multiple of splits, but got {tuple(logits_NK.shape)} and {splits=}"
        )
    if not torch.isfinite(logits_NK).all():
        raise FloatingPointError(
            "the Inception score needs finite logits; the generator or the classifier overflowed"
        )
    scores = [_score(split.softmax(dim=1)) for split in logits_NK.double().chunk(splits)]
    return float(torch.stack(scores).mean())


def _score(p_NK: Tensor) -> Tensor:
    # The mean is taken relative to the first sample, so that the marginal of equal samples is exact.
    marginal_K = p_NK[0] + (p_NK - p_NK[0]).mean(dim=0)
    divergence_N = (p_NK * ((p_NK + EPSILON).log() - (marginal_K + EPSILON).log())).sum(dim=1)
    return divergence_N.mean().exp()
