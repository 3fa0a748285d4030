"""C3D: a plain 3-D convolutional network over short clips.

Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks" (2015), §4.1 and Figure 3; the
released Caffe model rounds the sizes of its pools up, and so does this one.
Shapes: N clips, C channels, T frames, H × W pixels, K classes, F features.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

# Convolutions between two pools; pool1 keeps time, the others halve time and space.
STAGES = (1, 1, 2, 2, 2)
POOLS = ((1, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2))

SIZE = 112
"""Side of the frames that the released C3D takes."""


def pooled(size: int, stages: int) -> int:
    """Length of an axis after that many halving pools, each rounded up."""
    for _ in range(stages):
        size = -(-size // 2)
    return size


class C3D(nn.Module):
    """Eight 3×3×3 convolutions, five max pools, two hidden linear layers and one for the classes; ReLU throughout.

    Args:
        classes: number of classes K.
        widths: output channels of the eight convolutions; the paper's are 64, 128, 256, 256, 512, 512, 512, 512.
        fc: features F of each hidden linear layer; the paper's 4,096.
        frames: frames T of a clip; the paper's 16.
        size: side of a frame in pixels; the paper's 112.

    Raises:
        ValueError: `widths` does not name eight convolutions.
    """

    def __init__(self, classes: int, widths: Sequence[int], fc: int, frames: int, size: int) -> None:
        super().__init__()
        if len(widths) != sum(STAGES):
            raise ValueError(
                f"widths must name the {sum(STAGES)} convolutions of C3D, but got {tuple(widths)}"
            )
        channels = [3, *widths]
        self.convolutions = nn.ModuleList(
            nn.Conv3d(into, out, kernel_size=3, padding=1) for into, out in pairwise(channels)
        )
        flat = widths[-1] * pooled(frames, len(POOLS) - 1) * pooled(size, len(POOLS)) ** 2
        self.fc6 = nn.Linear(flat, fc)
        self.fc7 = nn.Linear(fc, fc)
        self.fc8 = nn.Linear(fc, classes)
        for layer in (*self.convolutions, self.fc6, self.fc7):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(
            self.fc8.weight
        )  # starts at equal odds, so that the first steps do not have to undo a guess
        nn.init.zeros_(self.fc8.bias)

    def forward(self, x_NCTHW: Tensor, masks_N2F: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and features (N, F): fc7 after its ReLU, before dropout.

        Args:
            x_NCTHW: clips in [-1, 1].
            masks_N2F: dropout's factors for fc6 and fc7; None outside training.
        """
        convolutions = iter(self.convolutions)
        for count, pool in zip(STAGES, POOLS, strict=True):
            for _ in range(count):
                x_NCTHW = torch.relu(next(convolutions)(x_NCTHW))
            x_NCTHW = functional.max_pool3d(x_NCTHW, kernel_size=pool, stride=pool, ceil_mode=True)
        x_NF = torch.relu(self.fc6(x_NCTHW.flatten(1)))
        if masks_N2F is not None:
            x_NF = x_NF * masks_N2F[:, 0]
        features_NF = torch.relu(self.fc7(x_NF))
        logits_NK = self.fc8(features_NF if masks_N2F is None else features_NF * masks_N2F[:, 1])
        return logits_NK, features_NF


class CentredC3D(nn.Module):
    """C3D as Caffe's was trained: on blue, green and red from 0 to 255, with a mean clip subtracted.

    Args:
        c3d: the network.
        mean: the mean clip (3, T, 128, 171) in that order of colours.
        left: first of the mean's columns that belong to the 112 of a clip.
    """

    TOP = 8  # first row of the mean: the centre's, of 128

    mean: Tensor

    def __init__(self, c3d: C3D, mean: Tensor, left: int) -> None:
        super().__init__()
        self.c3d, self.left = c3d, left
        self.register_buffer("mean", mean)

    @classmethod
    def of(cls, state: Mapping[str, Tensor], left: int) -> Self:
        """The network with these weights; its sizes are theirs.

        Raises:
            RuntimeError: they are not a C3D's for clips of 112 × 112.
        """
        widths = [len(state[f"c3d.convolutions.{layer}.bias"]) for layer in range(sum(STAGES))]
        fc, classes = len(state["c3d.fc6.bias"]), len(state["c3d.fc8.bias"])
        with torch.device("meta"):  # fills nothing that is replaced at once
            network = cls(C3D(classes, widths, fc, state["mean"].shape[1], SIZE), state["mean"], left)
        network.load_state_dict(dict(state), assign=True)
        return network

    def forward(self, x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and features (N, F) of clips (N, 3, T, 112, 112) in [-1, 1], red first."""
        mean = self.mean[..., self.TOP : self.TOP + SIZE, self.left : self.left + SIZE]
        result: tuple[Tensor, Tensor] = self.c3d(x_NCTHW.flip(1) * 128 + (128 - mean))
        return result
