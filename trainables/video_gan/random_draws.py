"""Every random number of a training step and of an evaluation, each a function of what it is for.

What one sample has for itself is keyed by its index in the global batch, what a micro-batch shares by the micro-batch's
number, so that neither the number of workers nor a restart changes anything.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from retable.trial.random import stream


def noise(seed: int, purpose: str, position: int, indices: Sequence[int], z_dim: int) -> Tensor:
    """z, uniform in [-1, 1): (len(indices), z_dim)."""
    rows = [stream(seed, purpose, position, index).uniform(-1, 1, z_dim) for index in indices]
    return torch.from_numpy(np.stack(rows)).float()


def labels(seed: int, purpose: str, position: int, indices: Sequence[int], among: Sequence[int]) -> Tensor:
    """A class for each sample, drawn evenly from `among`: int64 (len(indices),).

    Args:
        among: the label of every training video, for classes as frequent as in training; each once for the uniform
            distribution.
    """
    drawn = [among[int(stream(seed, purpose, position, index).integers(len(among)))] for index in indices]
    return torch.tensor(drawn, dtype=torch.int64)


def shared_offsets(seed: int, update: int, micro: int, counts: Sequence[int]) -> tuple[int, ...]:
    """The generator's offset in each subsampling layer, below its count (Equation 9)."""
    return tuple(stream(seed, "offset", update, micro).integers(0, counts).tolist())


def own_offsets(seed: int, update: int, indices: Sequence[int], counts: Sequence[int]) -> Tensor:
    """The real clips' offsets in each subsampling layer: int64 (len(indices), layers)."""
    rows = [stream(seed, "real-offset", update, index).integers(0, counts) for index in indices]
    return torch.from_numpy(np.stack(rows))


def mixtures(seed: int, update: int, indices: Sequence[int]) -> Tensor:
    """ε of WGAN-GP, uniform in [0, 1): each sample's share of the real video, (len(indices),)."""
    return torch.tensor([stream(seed, "mixture", update, index).random() for index in indices]).float()


def discriminated_frames(seed: int, update: int, micro: int, frames: int) -> tuple[int, int]:
    """The frame that the 3D + 2D baseline's 2D net sees of the real, and of the generated videos."""
    real, fake = stream(seed, "frame", update, micro).integers(0, frames, 2).tolist()
    return real, fake
