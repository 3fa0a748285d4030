"""The blocks of a discriminator: each halves H, W and, from the second one of a 3D net on, T.

Shapes: N samples, C channels, T frames, H height, W width.
"""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from trainables.parts.initial import glorot_uniform_
from trainables.video_gan.modules.passes import Pass, mean_of_pairs

Pooling = Literal["reference", "paper"]
"""What becomes of an axis of size 1. The paper leaves it alone; the reference pads it with a zero on either side, so it
grows to 3. Other odd sizes are padded with zeros to pairs in both."""

LEAK = 0.2
"""Slope of a plain block's activation below zero, as in VGAN and TGAN."""


class Down(nn.Module):
    """A residual block (Figure 4).

    Args:
        first: no ReLU before the first convolution, hidden channels as many as outgoing ones, T is kept.
        flat: 2D convolutions (kernels of one frame) that keep T.
        pooling: of axes of size 1.
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, first: bool, flat: bool, pooling: Pooling
    ) -> None:
        super().__init__()
        hidden = channels_out if first else channels_in
        self.conv1 = _conv(channels_in, hidden, flat=flat)
        self.conv2 = _conv(hidden, channels_out, flat=flat)
        self.shortcut = nn.Conv3d(channels_in, channels_out, 1)
        self.first, self.pooling = first, pooling
        self.pooled = (not (first or flat), True, True)
        for conv in (self.conv1, self.conv2):
            glorot_uniform_(conv, gain=2**0.5)
        glorot_uniform_(self.shortcut)

    def forward(self, x_NCTHW: Tensor, run: Pass) -> Tensor:
        even = _even(x_NCTHW, self.pooled)
        if self.first:
            h, shortcut = x_NCTHW, run.conv(self.shortcut, mean_of_pairs(x_NCTHW, even))
        else:
            h, shortcut = run.relu(x_NCTHW), run.conv(self.shortcut, x_NCTHW, even)
        h = run.conv(self.conv2, run.relu(run.conv(self.conv1, h)), even)
        return _pool_odd(h + shortcut, self.pooled, even, self.pooling)


class Plain(nn.Module):
    """One convolution (§6.1.6: "several 3D convolutional layers without any residual blocks").

    Leaky ReLU (not before the first), 3 × 3 × 3 convolution, mean pooling by 2. The pooling makes it a convolution of
    4 × 4 × 4 taps and stride 2, which is what the discriminators of VGAN (Vondrick et al. 2016) and TGAN (Saito et al.
    2017) are made of; theirs have batch norm too, which would mix the samples that a gradient penalty keeps apart.
    Channels, the axes that are pooled, and the head are the residual net's, so that it takes the same videos.

    Args:
        first: no activation, T is kept.
        flat: a 2D convolution (a kernel of one frame) that keeps T.
        pooling: of axes of size 1.
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, first: bool, flat: bool, pooling: Pooling
    ) -> None:
        super().__init__()
        self.conv = _conv(channels_in, channels_out, flat=flat)
        glorot_uniform_(self.conv, gain=2**0.5)
        self.first, self.pooling = first, pooling
        self.pooled = (not (first or flat), True, True)

    def forward(self, x_NCTHW: Tensor, run: Pass) -> Tensor:
        even = _even(x_NCTHW, self.pooled)
        h = x_NCTHW if self.first else run.relu(x_NCTHW, LEAK)
        return _pool_odd(run.conv(self.conv, h, even), self.pooled, even, self.pooling)


def _conv(channels_in: int, channels_out: int, *, flat: bool) -> nn.Conv3d:
    kernel, padding = (1 if flat else 3, 3, 3), (0 if flat else 1, 1, 1)
    return nn.Conv3d(channels_in, channels_out, kernel, padding=padding)


def _even(x_NCTHW: Tensor, pooled: Sequence[bool]) -> tuple[bool, ...]:
    """Selection of the axes (T, H, W) to pool that consist of pairs."""
    return tuple(axis and size % 2 == 0 for axis, size in zip(pooled, x_NCTHW.shape[2:], strict=True))


def _pool_odd(x_NCTHW: Tensor, pooled: Sequence[bool], done: Sequence[bool], pooling: Pooling) -> Tensor:
    """Pool the axes that have no pairs: odd sizes above 1 with zeros either side, size 1 by `pooling`."""
    todo = [axis and not even for axis, even in zip(pooled, done, strict=True)]
    odd = [axis and size > 1 for axis, size in zip(todo, x_NCTHW.shape[2:], strict=True)]
    grown = [pooling == "reference" and axis and not other for axis, other in zip(todo, odd, strict=True)]
    if any(odd):
        sizes = [2 if axis else 1 for axis in odd]
        x_NCTHW = F.avg_pool3d(x_NCTHW, sizes, sizes, [1 if axis else 0 for axis in odd])
    if any(grown):
        x_NCTHW = F.pad(x_NCTHW, [int(axis) for axis in reversed(grown) for _ in range(2)])
    return x_NCTHW
