"""The networks of stage 2: of codes after acceleration, of images before it."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from trainables.code_gan.stages.channels import WIDTH, Stage2, channels, levels
from trainables.code_gan.stages.layers import SLOPE, UpConv2d, conv, last_conv, leaky, unit_pixels
from trainables.parts.initial import he_normal_, lecun_normal_
from trainables.parts.layout import packed


class Generator(nn.Module):
    """z -> 4 × 4 -> ... -> resolution, one convolution at each size; leaky ReLU and pixel norm after each layer.

    Args:
        z_dim: dimensions of the noise.
        resolution: height and width of what is generated, 4 · 2^k.
        out_channels: 3 for images, the code's channels for codes.
        width: of the 4 × 4 map (`channels` has the others).
        pixel_norm: whether there is pixel norm.
        literal: upsample, then convolve (`UpConv2d`).
    """

    def __init__(
        self,
        *,
        z_dim: int,
        resolution: int,
        out_channels: int,
        width: int = WIDTH,
        pixel_norm: bool = True,
        literal: bool = False,
    ) -> None:
        super().__init__()
        widths = [width, *(channels(4 << level, width) for level in levels(resolution))]
        self.normalised = pixel_norm
        self.dense = nn.Linear(z_dim, 16 * width)
        he_normal_(self.dense, SLOPE)
        self.conv = conv(width, width)
        self.ups = nn.ModuleList(
            UpConv2d(inputs, outputs, literal=literal) for inputs, outputs in pairwise(widths)
        )
        self.out = last_conv(widths[-1], out_channels)

    def forward(self, z_NZ: Tensor) -> Tensor:
        """Noise (N, z_dim) -> codes or images (N, C, resolution, resolution) in [-1, 1]."""
        x_NCHW = self._activated(packed(self.dense(z_NZ).unflatten(1, (-1, 4, 4))))
        for layer in (self.conv, *self.ups):
            x_NCHW = self._activated(layer(x_NCHW))
        return torch.tanh(self.out(x_NCHW))

    def _activated(self, x_NCHW: Tensor) -> Tensor:
        x_NCHW = leaky(x_NCHW)
        return unit_pixels(x_NCHW) if self.normalised else x_NCHW


class Discriminator(nn.Module):
    """resolution -> ... -> 4 × 4 by convolutions with stride 2, then two linear layers; no normalisation.

    Args:
        resolution: height and width of what is judged, 4 · 2^k.
        in_channels: 3 for images, the code's channels for codes.
        width: of the 4 × 4 map and of the hidden linear layer (`channels` has the others).
    """

    def __init__(self, *, resolution: int, in_channels: int, width: int = WIDTH) -> None:
        super().__init__()
        widths = [width, *(channels(4 << level, width) for level in levels(resolution))]
        self.first = conv(in_channels, widths[-1])
        self.downs = nn.ModuleList(
            conv(widths[level], widths[level - 1], stride=2) for level in reversed(levels(resolution))
        )
        self.conv = conv(width, width)
        self.dense = nn.Linear(16 * width, width)
        he_normal_(self.dense, SLOPE)
        # Without a bias: it would cancel out of the difference of means and out of every slope, and Adam would make
        # steps of the learning rate out of the rounding that is left of its gradient.
        self.out = nn.Linear(width, 1, bias=False)
        lecun_normal_(self.out)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Codes or images (N, C, resolution, resolution) in [-1, 1] -> logits (N,)."""
        x_NCHW = packed(x_NCHW)
        for layer in (self.first, *self.downs, self.conv):
            x_NCHW = leaky(layer(x_NCHW))
        logits_N: Tensor = self.out(leaky(self.dense(x_NCHW.flatten(1))))[:, 0]
        return logits_N


def build_generator(shape: Stage2, *, literal: bool = False) -> Generator:
    """G; `literal` runs it layer by layer as the paper has it."""
    return Generator(
        z_dim=shape.z_dim,
        resolution=shape.resolution,
        out_channels=shape.channels,
        width=shape.width,
        pixel_norm=shape.pixel_norm,
        literal=literal,
    )


def build_discriminator(shape: Stage2) -> Discriminator:
    """D."""
    return Discriminator(resolution=shape.resolution, in_channels=shape.channels, width=shape.width)
