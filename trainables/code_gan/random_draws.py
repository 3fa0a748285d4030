"""Every random number of stage 2, each a function of what it is for and of its index in the global batch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from retable.trial.random import stream
from trainables.parts.truncation import Law, truncated_normal


def noise(
    seed: int,
    purpose: str,
    position: int,
    indices: Sequence[int],
    z_dim: int,
    truncation: float | None = None,
    law: Law = "resample",
) -> Tensor:
    """z, standard normal or truncated: (len(indices), z_dim)."""
    rows = [
        truncated_normal(stream(seed, purpose, position, index), z_dim, truncation, law) for index in indices
    ]
    return torch.from_numpy(np.stack(rows)).float()


def mixes(seed: int, update: int, indices: Sequence[int]) -> Tensor:
    """ε, where the penalty looks between a real and a generated sample: uniform in [0, 1), (len(indices),)."""
    return torch.tensor([stream(seed, "mix", update, index).random() for index in indices]).float()
