"""Kernel distance between two sets of features (KID), in float64.

Bińkowski et al., "Demystifying MMD GANs" (2018), §4: the squared maximum mean discrepancy under the kernel
k(x, y) = (x·y / d + 1)³ of d features, estimated without bias on subsets and averaged over them. The estimate may be
negative. Unlike FID's, its expectation does not depend on the number of samples.
"""

import torch
from torch import Tensor

from retable.trial.distributed import Workers
from retable.trial.random import stream

SEED = 0  # of the subsets; not the trial's seed, so that the protocol alone determines them


def squared_mmd(x_MD: Tensor, y_ND: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy MMD²_u of M and N samples.

    The mean of k(x, x') plus the mean of k(y, y'), over pairs of different samples, minus twice the mean of k(x, y)
    (Gretton et al., "A Kernel Two-Sample Test", 2012, equation 3).

    Raises:
        ValueError: there are fewer than two real or generated samples, or the numbers of features differ.
    """
    if x_MD.shape[1:] != y_ND.shape[1:] or min(len(x_MD), len(y_ND)) < 2:
        raise ValueError(
            "KID needs at least 2 samples of either kind and equally many features, but got shapes "
            f"{tuple(x_MD.shape)} and {tuple(y_ND.shape)}"
        )
    x_MD, y_ND = x_MD.double(), y_ND.double()
    return float(_mean_of_pairs(x_MD) + _mean_of_pairs(y_ND) - 2 * _kernel(x_MD, y_ND).mean())


def kernel_distances(
    real_ND: Tensor, fake_MD: Tensor, *, subsets: int, size: int, workers: Workers | None = None
) -> tuple[float, ...]:
    """MMD²_u of each subset. KID is their mean, and its ± their standard deviation.

    Args:
        real_ND: features of all N real samples, any float type, on any device, equal on all workers.
        fake_MD: features of all M generated samples, likewise.
        subsets: number of subsets.
        size: real samples and generated samples in a subset, drawn without replacement.
        workers: workers that share the subsets. Each of them must call it, and gets the values of all subsets.

    Raises:
        ValueError: a subset is larger than one of the sets, or smaller than two.
        FloatingPointError: a feature is not finite.
    """
    workers = workers or Workers()
    if not 2 <= size <= min(len(real_ND), len(fake_MD)):
        raise ValueError(
            f"a subset of KID must have at least 2 samples and no more than there are, but got {size=} of {len(real_ND)} "
            f"real and {len(fake_MD)} generated ones"
        )

    def distance(subset: int) -> float:
        draw = stream(SEED, "kid-subset", subset)
        real, fake = (
            features[torch.from_numpy(draw.choice(len(features), size, replace=False)).to(features.device)]
            for features in (real_ND, fake_MD)
        )
        return squared_mmd(real.to(workers.device), fake.to(workers.device))

    own = [distance(subset) for subset in workers.share(subsets)]
    values = workers.gather(torch.tensor(own, dtype=torch.float64, device=workers.device))
    if not torch.isfinite(values).all():
        raise FloatingPointError("KID needs finite features; the generator or the classifier overflowed")
    return tuple(values.tolist())


def _kernel(x_MD: Tensor, y_ND: Tensor) -> Tensor:
    """Kernel k (M, N)."""
    return (x_MD @ y_ND.mT / x_MD.shape[1] + 1) ** 3


def _mean_of_pairs(x_ND: Tensor) -> Tensor:
    """Mean of k over pairs of different samples."""
    k_NN = _kernel(x_ND, x_ND)
    return (k_NN.sum() - k_NN.trace()) / (len(x_ND) * (len(x_ND) - 1))
