"""Every random number of stage 2, each a function of what it is for and of its index in the global batch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from retable.streams import stream


def noise(seed: int, purpose: str, position: int, indices: Sequence[int], z_dim: int) -> Tensor:
    """z, standard normal: (len(indices), z_dim)."""
    rows = [stream(seed, purpose, position, index).standard_normal(z_dim) for index in indices]
    return torch.from_numpy(np.stack(rows)).float()


def mixes(seed: int, update: int, indices: Sequence[int]) -> Tensor:
    """ε, where the penalty looks between a real and a generated sample: uniform in [0, 1), (len(indices),)."""
    return torch.tensor([stream(seed, "mix", update, index).random() for index in indices]).float()
