"""Precision and recall of generated samples, by nearest neighbours among features, in float64.

Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models" (2019), §3: a set's manifold
is the union of balls around its samples; the radius of each is the distance to the k-th nearest neighbour in the set
(equation 1). Precision is the share of generated samples in the manifold of the real ones, recall the share of real
samples in the manifold of the generated ones (equation 2).
"""

import torch
from torch import Tensor

from retable.metrics.nearest import squared_distances
from retable.trial.distributed import Workers

ROWS = 512
"""Rows of a block of distances. Blocks are the same for any number of workers, so that results are equal to the bit."""


class Manifold:
    """Manifold of a set of samples: a ball around each.

    Args:
        features_ND: features of N samples, any float type, on any device, equal on all workers.
        neighbours: k; the sample itself does not count.
        workers: workers that share the distances. Each of them must make the manifold and call `covers`.

    Raises:
        ValueError: there are fewer than k other samples.
        FloatingPointError: a feature is not finite.
    """

    def __init__(self, features_ND: Tensor, neighbours: int = 3, workers: Workers | None = None) -> None:
        if not 1 <= neighbours < len(features_ND):
            raise ValueError(
                f"neighbours must be from 1 to one less than the samples, but got {neighbours} of {len(features_ND)}"
            )
        if not torch.isfinite(features_ND).all():
            raise FloatingPointError(
                "precision and recall need finite features; the generator or the classifier overflowed"
            )
        self.features_ND, self.workers = features_ND, workers or Workers()
        own = [self._radii(block, neighbours) for block in self._share(features_ND)]
        empty = torch.zeros(0, dtype=torch.float64, device=self.workers.device)
        self.squared_radii_N = self.workers.gather(torch.cat([empty, *own]))

    def covers(self, others_MD: Tensor) -> float:
        """Share of M samples that lie in a ball or on its surface, in [0, 1]."""
        count = sum(int(self._inside(block).sum()) for block in self._share(others_MD))
        counts = self.workers.gather(torch.tensor([count], device=self.workers.device))
        return int(counts.sum()) / len(others_MD)

    def _share(self, features_ND: Tensor) -> list[Tensor]:
        """Blocks of rows for this worker, on its device, in float64."""
        blocks = torch.split(features_ND, ROWS)
        return [blocks[number].to(self.workers.device).double() for number in self.workers.share(len(blocks))]

    def _radii(self, block_RD: Tensor, neighbours: int) -> Tensor:
        """Squared distance (R,) of each row to its k-th neighbour; the nearest sample is the row itself."""
        distances_RN = torch.cat(
            [squared_distances(block_RD, other_ND) for other_ND in torch.split(self.features_ND, ROWS)], dim=1
        )
        return distances_RN.topk(neighbours + 1, dim=1, largest=False).values[:, neighbours]

    def _inside(self, block_RD: Tensor) -> Tensor:
        """True for each row that lies in a ball (R,)."""
        inside_R = torch.zeros(len(block_RD), dtype=torch.bool, device=block_RD.device)
        for centres_ND, squared_N in zip(
            torch.split(self.features_ND, ROWS), torch.split(self.squared_radii_N, ROWS), strict=True
        ):
            inside_R |= (squared_distances(block_RD, centres_ND) <= squared_N).any(dim=1)
        return inside_R


def precision_recall(
    real_ND: Tensor, fake_MD: Tensor, neighbours: int = 3, workers: Workers | None = None
) -> tuple[float, float]:
    """Precision and recall, each in [0, 1]. Arguments and errors are those of `Manifold`."""
    real, fake = (Manifold(features, neighbours, workers) for features in (real_ND, fake_MD))
    return real.covers(fake_MD), fake.covers(real_ND)
