"""The networks of a config, with fresh weights."""

import torch
from torch import Tensor

from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.losses.critic import Critic
from trainables.video_gan.losses.penalty import Penalty
from trainables.video_gan.modules.discriminator import Discriminator
from trainables.video_gan.modules.generator import Generator


def build_generator(config: VideoGANConfig, *, literal: bool = False) -> Generator:
    """The config's generator; `literal` runs it layer by layer as the paper counts its operations."""
    return Generator(
        resolution=config.resolution,
        frames=config.frames,
        strides=config.strides,
        z_dim=config.z_dim,
        base_channels=config.base_channels,
        clstm_channels=config.clstm_channels,
        clstm_layers=config.clstm_layers,
        clstm_dilation=config.clstm_dilation,
        batch_strides=config.batch_strides,
        batch_norm=config.batch_norm,
        levels=config.levels,
        classes=config.num_classes,
        literal=literal,
    )


def build_discriminator(config: VideoGANConfig, *, literal: bool = False) -> Discriminator:
    """The config's discriminator; `literal` runs it layer by layer as the paper counts its operations."""
    return Discriminator(
        levels=len(config.levels),
        channels=config.d_channels,
        two_stream=config.discriminator == "3d+2d",
        pooling=config.pooling,
        classes=config.num_classes,
        residual=config.d_residual,
        spectral_norm=config.spectral_norm,
        literal=literal,
    )


def build_critic(config: VideoGANConfig, *, share: float = 1.0) -> Critic:
    """The config's discriminator with its losses and penalty; `share` is that of a micro-batch in an update."""
    weight = config.lam if config.penalty != "none" else 0.0
    if config.penalty == "wgan-gp":
        penalty = Penalty("wgan-gp", weight)
    else:  # the paper sums it over the samples of a GPU
        penalty = Penalty("r1", weight * config.reference_batch)
    return Critic(
        build_discriminator(config),
        form=config.loss,
        adversarial=config.adversarial,
        penalty=penalty,
        share=share,
        one_in=config.one_in,
    )


def first_labels(config: VideoGANConfig, samples: int, device: torch.device | None = None) -> Tensor | None:
    """The first class for every sample, to count or to measure with; None for an unconditional model."""
    return torch.zeros(samples, dtype=torch.int64, device=device) if config.conditional else None
