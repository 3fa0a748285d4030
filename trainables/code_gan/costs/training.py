"""Costs of both stages, in multiply-accumulates of convolutions and linear layers; nothing else is counted.

A multiply-accumulate is one operation. `literal` counts upsampling and convolution as two layers, as the paper's
networks have them; we run them as one (`layers.UpConv2d`), which needs less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

from retable.costs.flops import Trace, parameters
from trainables.code_gan.autoencoder.network import Decoder, Encoder
from trainables.code_gan.critic import Critic
from trainables.code_gan.networks import build_discriminator, build_generator
from trainables.code_gan.stages.channels import Stage2


@dataclass(frozen=True)
class Forward:
    """A network's forward pass of one sample.

    Attributes:
        macs: multiply-accumulates.
        parameters: of the network.
    """

    macs: int
    parameters: int


@dataclass(frozen=True)
class TrainingCost:
    """Cost of stage 2 for one sample, in multiply-accumulates.

    Attributes:
        generator: forward.
        discriminator: forward.
        d_step: one update of the discriminator: a generated sample, two judged with their gradients, and the penalty
            with a backward pass through a backward pass; G + about 12.6 D.
        g_step: one update of the generator: 3 G + 2 D, but that noise needs no gradient.
    """

    generator: Forward
    discriminator: Forward
    d_step: int
    g_step: int

    def each_image(self, n_critic: int = 1) -> float:
        """Multiply-accumulates for each real image fed, where the generator moves once in `n_critic` updates."""
        return self.d_step + self.g_step / n_critic


def autoencoder_costs(
    resolution: int, divisor: int, code_channels: int = 16, *, literal: bool = True
) -> tuple[Forward, Forward]:
    """Operations of the encoder and of the decoder, for an image of that resolution."""
    with torch.device("meta"):
        encoder = Encoder(divisor=divisor, code_channels=code_channels)
        decoder = Decoder(divisor=divisor, code_channels=code_channels, literal=literal)
    size = resolution // divisor
    return (
        _forward(encoder, (3, resolution, resolution)),
        _forward(decoder, (code_channels, size, size)),
    )


@lru_cache
def training_cost(shape: Stage2, *, lam: float = 10.0, literal: bool = True) -> TrainingCost:
    """Operations that one more sample adds to a step of stage 2."""
    with torch.device("meta"):
        generator = build_generator(shape, literal=literal)
        critic = Critic(build_discriminator(shape), lam=lam)
    sample = shape.channels, shape.resolution, shape.resolution

    def d_step(samples: int) -> None:
        z_NZ = torch.empty(samples, shape.z_dim, device="meta")
        with torch.no_grad():
            fake_NCHW = generator(z_NZ)
        torch.autograd.backward(critic(torch.empty_like(fake_NCHW), fake_NCHW, z_NZ[:, 0]).loss)

    def g_step(samples: int) -> None:
        fake_NCHW = generator(torch.empty(samples, shape.z_dim, device="meta"))
        critic.deceived_by(fake_NCHW)

    return TrainingCost(
        generator=_forward(generator, (shape.z_dim,)),
        discriminator=_forward(critic.discriminator, sample),
        d_step=_each(d_step),
        g_step=_each(g_step),
    )


def _forward(network: nn.Module, sample: tuple[int, ...]) -> Forward:
    def forward(samples: int) -> None:
        with torch.no_grad():
            network(torch.empty(samples, *sample, device="meta"))

    return Forward(_each(forward), parameters(network))


def _each(step: Callable[[int], None]) -> int:
    """Multiply-accumulates that one more sample adds: free of what is done once a batch, such as joining kernels."""
    counts = []
    for samples in (1, 2):
        with Trace() as trace:
            step(samples)
        counts.append(sum(op.macs for op in trace.ops))
    return counts[1] - counts[0]
