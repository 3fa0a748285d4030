"""Sizes of the maps in stage 2's networks: the paper's Table 2."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainables.code_gan.networks import build_discriminator, build_generator
from trainables.code_gan.stages.channels import Stage2


@dataclass(frozen=True)
class Maps:
    """Sizes for one sample, in the order of the forward pass: (C, H, W) of a convolution's, (C,) of a linear layer's.

    Attributes:
        generator: a linear layer, convolutions, and the last one, which is the output.
        discriminator: convolutions, a linear layer, and the output.
    """

    generator: tuple[tuple[int, ...], ...]
    discriminator: tuple[tuple[int, ...], ...]


def maps(shape: Stage2) -> Maps:
    """Feature maps of both networks, from a forward pass on the meta device."""
    with torch.device("meta"):
        generator, discriminator = build_generator(shape), build_discriminator(shape)
        z_NZ = torch.empty(1, shape.z_dim)
        x_NCHW = torch.empty(1, shape.channels, shape.resolution, shape.resolution)
    return Maps(leaving(generator, z_NZ), leaving(discriminator, x_NCHW))


def leaving(network: nn.Module, x: Tensor) -> tuple[tuple[int, ...], ...]:
    """Sizes of what leaves each convolution and linear layer, without the samples' axis, in the order of a forward pass."""
    found: list[tuple[int, ...]] = []

    def noting(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        del module, inputs
        found.append(tuple(output.shape[1:]))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(noting)
    with torch.no_grad():
        network(x)
    return tuple(found)
