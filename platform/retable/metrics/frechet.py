"""The Fréchet distance between two sets of features, from float64 sums that workers add up.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule…" (2017), eq. 6. The name FID is kept for video
features, as in the TGANv2 paper.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import torch
from torch import Tensor

from retable.trial.distributed import Workers

ROWS_AT_ONCE = 256  # rows of a moment matrix in one gather, which keeps messages small for 4,096 features


class Spread(Protocol):
    """Mean (D,) and covariance L Lᵀ of D features, float64."""

    @property
    def mean(self) -> Tensor: ...
    @property
    def factor(self) -> Tensor:
        """L (D, R)."""
        ...

    @property
    def variance(self) -> Tensor:
        """The covariance's trace."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Mean (D,) and unbiased covariance (D, D) of D features, float64."""

    mean: Tensor
    covariance: Tensor

    @cached_property
    def factor(self) -> Tensor:
        """L (D, R) with covariance = L Lᵀ: Cholesky's, or where that fails, R is the covariance's numerical rank."""
        lower_DD: Tensor
        lower_DD, failed = torch.linalg.cholesky_ex(self.covariance)
        if not int(failed):
            return lower_DD
        values_D, vectors_DD = torch.linalg.eigh(self.covariance)
        real = values_D > values_D[-1].clamp(min=0) * len(values_D) * torch.finfo(values_D.dtype).eps
        factor_DR: Tensor = vectors_DD[:, real] * values_D[real].sqrt()
        return factor_DR

    @property
    def variance(self) -> Tensor:
        return self.covariance.trace()


@dataclass(frozen=True)
class ThinGaussian:
    """Mean (D,) of N samples and the factor (D, N) of their unbiased covariance, for fewer samples than features."""

    mean: Tensor
    factor: Tensor

    @property
    def variance(self) -> Tensor:
        return self.factor.square().sum()


class Samples:
    """Features that arrive in batches and are kept, to make a `ThinGaussian`."""

    def __init__(self) -> None:
        self.batches: list[Tensor] = []

    def update(self, features_ND: Tensor) -> Self:
        """Add N samples of D features, any float type."""
        self.batches.append(features_ND)
        return self

    def reduced(self, workers: Workers) -> "Samples":
        """Samples of all workers, in the order of ranks. Every rank must call it."""
        return Samples().update(workers.gather(torch.cat(self.batches)))

    def gaussian(self) -> ThinGaussian:
        """Mean and factor of the unbiased covariance. Raises the errors of `Moments.gaussian`."""
        features_ND = torch.cat(self.batches).double()
        _enough(count := len(features_ND))
        _finite(features_ND)
        mean_D = features_ND.mean(dim=0)
        return ThinGaussian(mean_D, (features_ND - mean_D).mT / math.sqrt(count - 1))


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
        """Moments of all workers' samples, equal on all workers. Every rank must call it."""
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
        _enough(self.count)
        mean_D = self.total_D / self.count
        covariance_DD = (self.outer_DD - self.count * torch.outer(mean_D, mean_D)) / (self.count - 1)
        _finite(covariance_DD)
        return Gaussian(mean_D, (covariance_DD + covariance_DD.mT) / 2)


def frechet_distance(a: Spread, b: Spread) -> float:
    """Fréchet distance |m_a - m_b|² + tr(C_a + C_b - 2 (C_a C_b)^½); never negative, NaN or complex.

    With C = L Lᵀ, the trace of (C_a C_b)^½ is the sum of the singular values of L_aᵀ L_b. This takes no square root of
    a matrix, and covariances may be singular. If b has N < D samples (the paper has 2,048 of 4,096 features), the
    centred samples are its factor: there are N singular values, and C_a is the only (D, D) matrix to decompose, once.

    Raises:
        ValueError: the numbers of features differ.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"both sets must have equally many features, but got {len(a.mean)} and {len(b.mean)}"
        )
    product_AB = a.factor.mT @ b.factor
    root = torch.linalg.svdvals(product_AB).sum() if product_AB.numel() else product_AB.new_zeros(())
    distance = (a.mean - b.mean).square().sum() + a.variance + b.variance - 2 * root
    return max(float(distance), 0.0)  # rounding may leave a little below 0


def _enough(count: int) -> None:
    if count < 2:
        raise ValueError(f"a covariance needs at least 2 samples, but got {count}")


def _finite(values: Tensor) -> None:
    if not torch.isfinite(values).all():
        raise FloatingPointError("FID needs finite features; the generator or the classifier overflowed")
