"""The discriminator of stage 2: of codes after acceleration, of images before it."""

from torch import Tensor, nn

from trainables.code_gan.stages.channels import WIDTH, channels, levels
from trainables.code_gan.stages.layers import SLOPE, conv, leaky
from trainables.parts.initial import he_normal_, lecun_normal_
from trainables.parts.layout import packed


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
