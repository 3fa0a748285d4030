"""Euclidean distances and nearest neighbours, in float64."""

from collections.abc import Iterable

import torch
from torch import Tensor


def nearest(queries_MD: Tensor, samples: Iterable[Tensor], count: int) -> tuple[Tensor, Tensor]:
    """Nearest samples of each query; no more than one batch of samples is in memory.

    Args:
        queries_MD: M queries of D features.
        samples: batches (n, D) of the searched samples, of any float type and on any device.
        count: number of neighbours.

    Returns:
        Distances (M, count) in float64, ascending, and the indices (M, count) of those samples.

    Raises:
        ValueError: there are fewer samples than `count`.
    """
    queries_MD = queries_MD.double()
    squared_MN = queries_MD.new_empty(len(queries_MD), 0)
    numbers_MN = torch.empty(len(queries_MD), 0, dtype=torch.int64, device=queries_MD.device)
    seen = 0
    for batch_ND in samples:
        fresh_N = torch.arange(seen, seen + len(batch_ND), device=queries_MD.device)
        squared_MN = torch.cat([squared_MN, squared_distances(queries_MD, batch_ND)], dim=1)
        numbers_MN = torch.cat([numbers_MN, fresh_N.expand(len(queries_MD), -1)], dim=1)
        squared_MN, order_MN = squared_MN.topk(min(count, squared_MN.shape[1]), dim=1, largest=False)
        numbers_MN = numbers_MN.gather(1, order_MN)
        seen += len(batch_ND)
    if seen < count:
        raise ValueError(f"{count} neighbours need as many samples, but there are {seen}")
    return squared_MN.sqrt(), numbers_MN


def squared_distances(x_MD: Tensor, y_ND: Tensor) -> Tensor:
    """Squared distances (M, N) as |x|² + |y|² - 2 x·y; `y` gets the type and device of `x`. Float64 bears the cancellation."""
    y_ND = y_ND.to(x_MD)
    squares_MN = x_MD.square().sum(dim=1)[:, None] + y_ND.square().sum(dim=1)
    return squares_MN.addmm_(x_MD, y_ND.mT, alpha=-2).clamp_(min=0)
