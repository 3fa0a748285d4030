"""The Fréchet distance between two sets of features, from float64 sums that workers add up.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule…" (2017), eq. 6. The name FID is kept for video
features, as in the TGANv2 paper.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from retable.ddp import Workers

ROWS_AT_ONCE = 256  # of a moment matrix sent at a time: 4,096-d features of many workers then stay small


@dataclass(frozen=True)
class Gaussian:
    """Mean (D,) and unbiased covariance (D, D) of D features, float64."""

    mean: Tensor
    covariance: Tensor

    @cached_property
    def factor(self) -> Tensor:
        """L (D, R) with covariance = L Lᵀ, where R is the covariance's numerical rank."""
        values_D, vectors_DD = torch.linalg.eigh(self.covariance)
        real = values_D > values_D[-1].clamp(min=0) * len(values_D) * torch.finfo(values_D.dtype).eps
        factor_DR: Tensor = vectors_DD[:, real] * values_D[real].sqrt()
        return factor_DR


class Moments:
    """Count, sum and second moment of features that arrive in batches, in float64."""

    def __init__(self, dimensions: int, device: torch.device | None = None) -> None:
        self.count = 0
        self.total_D = torch.zeros(dimensions, dtype=torch.float64, device=device)
        self.outer_DD = torch.zeros(dimensions, dimensions, dtype=torch.float64, device=device)

    def update(self, features_ND: Tensor) -> Self:
        """Add N samples of D features, any float type."""
        features_ND = features_ND.double()
        self.count += len(features_ND)
        self.total_D += features_ND.sum(dim=0)
        self.outer_DD.addmm_(features_ND.mT, features_ND)
        return self

    def reduced(self, workers: Workers) -> "Moments":
        """The moments of all workers' samples, the same on each of them. Every rank calls it."""
        if workers.size == 1:
            return self
        result = Moments(len(self.total_D), self.total_D.device)
        result.count = int(workers.gather(torch.tensor([self.count], device=self.total_D.device)).sum())
        result.total_D = workers.gather(self.total_D[None]).sum(dim=0)
        for start in range(0, len(self.outer_DD), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            result.outer_DD[rows] = workers.gather(self.outer_DD[None, rows]).sum(dim=0)
        return result

    def gaussian(self) -> Gaussian:
        """Mean and unbiased covariance.

        Raises:
            ValueError: there are fewer than two samples.
            FloatingPointError: a feature was not finite.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 samples, but got {self.count}")
        mean_D = self.total_D / self.count
        covariance_DD = (self.outer_DD - self.count * torch.outer(mean_D, mean_D)) / (self.count - 1)
        if not torch.isfinite(covariance_DD).all():
            raise FloatingPointError("FID needs finite features; the generator or the classifier overflowed")
        return Gaussian(mean_D, (covariance_DD + covariance_DD.mT) / 2)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|² + tr(C_a + C_b - 2 (C_a C_b)^½), never negative, NaN or complex.

    With C = L Lᵀ, the trace of (C_a C_b)^½ is the sum of the singular values of L_aᵀ L_b: only symmetric
    matrices are decomposed, so singular covariances (fewer samples than features, as in the paper) are fine.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"both sets must have equally many features, but got {len(a.mean)} and {len(b.mean)}"
        )
    product_AB = a.factor.mT @ b.factor
    root = torch.linalg.svdvals(product_AB).sum() if product_AB.numel() else product_AB.new_zeros(())
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * root
    return max(float(distance), 0.0)  # rounding may leave a little below 0
