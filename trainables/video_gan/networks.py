"""The networks of a config, with fresh weights."""

import torch
from torch import Tensor

from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.discriminator import Discriminator
from trainables.video_gan.generator import Generator


def build_generator(config: VideoGANConfig, *, literal: bool = False) -> Generator:
    """The config's generator; `literal` runs it layer by layer as the paper counts its operations."""
    return Generator(
        resolution=config.resolution,
        frames=config.frames,
        strides=config.strides,
        z_dim=config.z_dim,
        base_channels=config.base_channels,
        clstm_channels=config.clstm_channels,
        levels=config.levels,
        classes=config.told_classes,
        literal=literal,
    )


def build_discriminator(config: VideoGANConfig, *, literal: bool = False) -> Discriminator:
    """The config's discriminator; `literal` runs it layer by layer as the paper counts its operations."""
    return Discriminator(
        levels=len(config.levels),
        channels=config.d_channels,
        two_stream=config.discriminator == "3d+2d",
        pooling=config.pooling,
        classes=config.told_classes,
        literal=literal,
    )


def first_labels(config: VideoGANConfig, samples: int, device: torch.device | None = None) -> Tensor | None:
    """The first class for every sample, to count or to measure with; None if the networks are told none."""
    return torch.zeros(samples, dtype=torch.int64, device=device) if config.conditional else None
