"""Layers of both stages."""

import torch.nn.functional as F
from torch import Tensor, nn

from trainables.parts.initial import he_normal_, lecun_normal_
from trainables.parts.resample import upsampled_conv2d

SLOPE = 0.2
"""Of every leaky ReLU below 0."""


class UpConv2d(nn.Conv2d):
    """Nearest-neighbour upsampling by 2, then a 3 × 3 convolution: (N, C, H, W) -> (N, O, 2H, 2W).

    Args:
        literal: run the two one after the other, as the paper counts them, not as one transposed convolution with
            four ninths of the arithmetic. Results differ by rounding.
    """

    def __init__(self, inputs: int, outputs: int, *, literal: bool = False) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1)
        self.literal = literal
        he_normal_(self, SLOPE)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        if self.literal:
            return super().forward(F.interpolate(x_NCHW, scale_factor=2, mode="nearest"))
        return upsampled_conv2d(x_NCHW, self.weight, self.bias)


def conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    """A 3 × 3 convolution with a leaky ReLU behind it; stride 2 halves an even size."""
    layer = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1)
    he_normal_(layer, SLOPE)
    return layer


def last_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3 × 3 convolution with no leaky ReLU behind it."""
    layer = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
    lecun_normal_(layer)
    return layer


def leaky(x: Tensor) -> Tensor:
    """max(x, 0.2 x)."""
    return F.leaky_relu(x, SLOPE)


def unit_pixels(x_NCHW: Tensor, eps: float = 1e-8) -> Tensor:
    """Pixel norm (Karras et al. 2018, §4.2): x / sqrt(mean over channels of x² + ε), of root mean square 1."""
    return x_NCHW * (x_NCHW.square().mean(dim=1, keepdim=True) + eps).rsqrt()
