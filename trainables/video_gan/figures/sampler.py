"""A finished generator, and the noise that all figures are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor

from retable.data.samples.clips import to_uint8
from retable.io.media import Pixels
from retable.trial.figures import FinishedTrial
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.modules.generator import Generator
from trainables.video_gan.networks import build_generator
from trainables.video_gan.random_draws import noise

SEED = 0
"""Of the figures' noise: the same for every trial, so that trials are compared on the same z."""
BATCH = 4
"""Clips generated at once. It is fixed, for a sample's last bits may depend on its neighbours."""
COLUMNS = 6
"""Of grids; a conditional model's columns have a class each."""


@dataclass(frozen=True)
class Codes:
    """Inputs of the generator.

    Attributes:
        z_NZ: noise in [-1, 1).
        labels_N: the clips' classes, if the model is conditional.
    """

    z_NZ: Tensor
    labels_N: Tensor | None

    def __len__(self) -> int:
        return len(self.z_NZ)

    def between(self, start: int, stop: int) -> "Codes":
        """Those numbered start..stop-1."""
        labels_N = None if self.labels_N is None else self.labels_N[start:stop]
        return Codes(self.z_NZ[start:stop], labels_N)


class Sampler:
    """Dense videos of a generator that no longer learns, from noise that no training and no score has used.

    Args:
        generator: in evaluation mode, on `device`.
    """

    def __init__(self, config: VideoGANConfig, generator: Generator, device: torch.device) -> None:
        self.config, self.generator, self.device = config, generator, device

    @classmethod
    def of(cls, finished: FinishedTrial) -> Self:
        """Return the sampler of a finished trial's best snapshot."""
        config = cast(VideoGANConfig, finished.trial.config)
        generator = build_generator(config)
        generator.load_state_dict(finished.state()["generator"])
        return cls(config, generator.to(finished.device).eval(), finished.device)

    def shown(self, indices: Sequence[int]) -> Codes:
        """Samples for grids: those of a column (number modulo 6) share a class, spread over all classes."""
        columns = [index % COLUMNS for index in indices]
        return self._codes(indices, [column * self.config.num_classes // COLUMNS for column in columns])

    def measured(self, indices: Sequence[int]) -> Codes:
        """Samples for numbers: the classes in turn."""
        return self._codes(indices, [index % max(self.config.num_classes, 1) for index in indices])

    def videos(self, codes: Codes, level: int = 4) -> Tensor:
        """Videos (N, 3, T, H, W) in (-1, 1) of up to `BATCH` samples, as that level's rendering block has them."""
        return self.generator.generate(codes.z_NZ, codes.labels_N, level=level, frames=self.config.frames)

    def clips(self, codes: Codes, level: int = 4) -> Pixels:
        """The same of any number of samples, to look at: uint8 (N, T, 3, H, W)."""
        parts = [
            to_uint8(self.videos(codes.between(start, start + BATCH), level)).cpu()
            for start in range(0, len(codes), BATCH)
        ]
        return torch.cat(parts).numpy()

    def _codes(self, indices: Sequence[int], labels: Sequence[int]) -> Codes:
        """z of the samples of these numbers, uniform in [-1, 1); labels count in a conditional model."""
        z_NZ = noise(SEED, "figure-z", 0, indices, self.config.z_dim).to(self.device)
        labels_N = torch.tensor(labels, device=self.device) if self.config.conditional else None
        return Codes(z_NZ, labels_N)
