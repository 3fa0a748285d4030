"""The generator of stage 2: of codes after acceleration, of images before it."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from trainables.code_gan.stages.channels import WIDTH, channels, levels
from trainables.code_gan.stages.layers import SLOPE, UpConv2d, conv, last_conv, leaky, unit_pixels
from trainables.parts.initial import he_normal_
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
