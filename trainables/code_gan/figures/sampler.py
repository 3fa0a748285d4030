"""A finished GAN, and the noise that all figures are drawn from."""

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor

from retable.data.samples.pixels import to_uint8
from retable.io.media import Pixels
from retable.trial.figures import FinishedTrial
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.random_draws import noise
from trainables.code_gan.synthesis import Synthesis

SEED = 0
"""Of the figures' noise: the same for every trial, and none that training or a score has used."""
BATCH = 4
"""Images generated at once. It is fixed, for a sample's last bits may depend on its neighbours."""


class Sampler:
    """Images of a GAN that no longer learns."""

    def __init__(self, synthesis: Synthesis, z_dim: int, device: torch.device) -> None:
        self.synthesis, self.z_dim, self.device = synthesis, z_dim, device

    @classmethod
    def of(cls, finished: FinishedTrial, state: Mapping[str, Any] | None = None) -> Self:
        """Return the sampler of a finished trial, at its best snapshot or in an earlier state.

        Raises:
            NothingToDraw: its autoencoder is not there.
        """
        config = cast(CodeGANConfig, finished.trial.config)
        state = finished.state() if state is None else state
        synthesis = Synthesis.of(config, state, _codec(config, finished), finished.device)
        return cls(synthesis, config.z_dim, finished.device)

    def noise(self, indices: Sequence[int]) -> Tensor:
        """z of the samples of these numbers (N, z_dim)."""
        return noise(SEED, "figure-z", 0, indices, self.z_dim)

    def images(self, z_NZ: Tensor) -> Tensor:
        """Images (N, 3, S, S) in [-1, 1] of any number of z, on the CPU."""
        parts = torch.split(z_NZ, BATCH)
        return torch.cat([self.synthesis(part_NZ.to(self.device)).cpu() for part_NZ in parts])

    def shown(self, indices: Sequence[int]) -> Pixels:
        """Samples of these numbers to look at: uint8 (N, 3, S, S)."""
        return np.asarray(to_uint8(self.images(self.noise(indices))))


def _codec(config: CodeGANConfig, finished: FinishedTrial) -> Codec | None:
    """The trained autoencoder that the trial requires, if it is one of codes."""
    encoder = config.encoder if config.accelerate else None
    if encoder is None:
        return None
    trial = next(one for one in finished.trial.requires() if one.config.trainable == encoder.trainable)
    return Codec.of(encoder, finished.other(trial).state())
