"""A small classifier of images.

Shapes: N images, C channels, H × W pixels, K classes, F features.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

GROUPS = 4
"""Of channels, normalised together within a sample: nothing mixes samples, so that workers need not meet."""


class ImageClassifier(nn.Module):
    """Stages of two 3 × 3 convolutions, the second with stride 2; a mean over positions, a hidden layer, logits.

    Args:
        classes: number of classes K.
        widths: output channels of each stage.
        features: features F of the hidden layer.
    """

    def __init__(self, classes: int, widths: Sequence[int], features: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            *(
                nn.Sequential(*_convolution(into, out, 1), *_convolution(out, out, 2))
                for into, out in pairwise((3, *widths))
            )
        )
        self.features = nn.Linear(widths[-1], features)
        self.logits = nn.Linear(features, classes)
        nn.init.zeros_(self.logits.weight)  # starts at equal odds
        nn.init.zeros_(self.logits.bias)

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and features (N, F) of images in [-1, 1]; the features are those after their ReLU."""
        features_NF = torch.relu(self.features(self.stages(x_NCHW).mean(dim=(2, 3))))
        return self.logits(features_NF), features_NF


def _convolution(into: int, out: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(into, out, kernel_size=3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    groups = GROUPS if out % GROUPS == 0 else 1
    return convolution, nn.GroupNorm(groups, out), nn.ReLU()
