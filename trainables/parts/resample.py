"""Convolutions joined with the resampling beside them: the same linear map with a fraction of the arithmetic.

A 3-tap convolution next to a factor 2 (nearest-neighbour copies before it, or the mean of pairs after it) is one
strided convolution with 4 taps, and taps that only ever meet padding can be left out. Results differ from those of the
two steps by rounding only.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

Matrix: TypeAlias = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Axis:
    """One axis of a "same" convolution (an odd number of taps, stride 1) whose outputs may then be averaged in pairs.

    Attributes:
        size: of the input along this axis; even where pairs are averaged.
        taps: of the kernel, 1 or 3.
        halved: whether pairs of outputs are averaged.
    """

    size: int
    taps: int
    halved: bool = False

    @property
    def stride(self) -> int:
        return 2 if self.halved else 1

    @property
    def padding(self) -> int:
        return 0 if self._cut else self.taps // 2

    @property
    def _cut(self) -> bool:
        """True if the input is so short that the outer taps never meet it."""
        return self.taps == 3 and self.size == self.stride

    @property
    def unchanged(self) -> bool:
        """True if the kernel stays as it is along this axis."""
        return not (self.halved or self._cut)

    def widen(self) -> Matrix:
        """From the convolution's taps to those of the one that does it all: (taps, taps of the latter)."""
        taps = np.eye(self.taps, self.taps + self.halved)
        if self.halved:
            taps = (taps + np.roll(taps, 1, axis=1)) / 2
        return taps[:, 1:-1] if self._cut else taps


def kernel_of(weight: Tensor, axes: Sequence[Axis]) -> Tensor:
    """The kernel for the axes' strides and paddings.

    Args:
        weight: (O, C, K_1, ..., K_d) of the convolution that precedes the pooling.
        axes: one for each of the d axes.
    """
    if all(axis.unchanged for axis in axes):
        return weight
    # Not kept as a tensor: one first made under inference mode, or of fake tensors, could not be used in training.
    matrix = torch.tensor(_matrix(tuple(axes)), dtype=weight.dtype, device=weight.device)
    shape = *weight.shape[:2], *(axis.widen().shape[1] for axis in axes)
    with full_precision(weight.device.type):
        return (weight.flatten(2) @ matrix).reshape(shape)


def upsampled_conv2d(x_NCHW: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Nearest-neighbour upsampling by 2, then a 3×3 convolution with padding 1: (N, O, 2H, 2W).

    It is the transpose of a convolution followed by pooling, but for the factor 4 of the mean.

    Args:
        x_NCHW: features.
        weight: (O, C, 3, 3), of the convolution that follows the upsampling.
        bias: (O,) or None.
    """
    axes = [Axis(2 * size, 3, halved=True) for size in x_NCHW.shape[2:]]
    kernel = 4 * kernel_of(weight.flip(2, 3).transpose(0, 1), axes)
    return F.conv_transpose2d(x_NCHW, kernel, bias, stride=2, padding=[axis.padding for axis in axes])


def full_precision(device: str) -> AbstractContextManager[object]:
    """Autocast off, on devices that know it: meta, where costs are counted, does not."""
    if torch.amp.is_autocast_available(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


@lru_cache
def _matrix(axes: tuple[Axis, ...]) -> Matrix:
    """The axes' maps as one, from flattened taps to flattened taps."""
    matrix: Matrix = np.ones((1, 1))
    for axis in axes:
        matrix = np.kron(matrix, axis.widen())
    return matrix
