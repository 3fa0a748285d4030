"""TGANv2's discriminator: for each level an unshared ResNet of 3D convolutions (Figure 4), and the baselines' (§5.3).

Shapes: N samples, C channels, T frames, H height, W width.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.parts.initial import glorot_uniform_
from trainables.video_gan.passes import Pass, mean_of_pairs

Pooling = Literal["reference", "paper"]
MULTIPLIERS = (1, 2, 4, 8, 16)
"""Channels of the five blocks, in units of the first's."""


class Down(nn.Module):
    """A residual block that halves H, W and, from the second block of a 3D net on, T.

    Args:
        first: no ReLU before the first convolution, hidden channels as many as outgoing ones, T is kept.
        flat: 2D convolutions (kernels of one frame) that keep T.
        pooling: what becomes of an axis of size 1. The paper leaves it alone; the reference pads it with a zero on
            either side, so it grows to 3. Other odd sizes are padded with zeros to pairs in both.
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, first: bool, flat: bool, pooling: Pooling
    ) -> None:
        super().__init__()
        hidden = channels_out if first else channels_in
        kernel, padding = (1 if flat else 3, 3, 3), (0 if flat else 1, 1, 1)
        self.conv1 = nn.Conv3d(channels_in, hidden, kernel, padding=padding)
        self.conv2 = nn.Conv3d(hidden, channels_out, kernel, padding=padding)
        self.shortcut = nn.Conv3d(channels_in, channels_out, 1)
        self.first, self.pooling = first, pooling
        self.pooled = (not (first or flat), True, True)
        for conv in (self.conv1, self.conv2):
            glorot_uniform_(conv, gain=2**0.5)
        glorot_uniform_(self.shortcut)

    def forward(self, x_NCTHW: Tensor, run: Pass) -> Tensor:
        even = tuple(
            pooled and size % 2 == 0 for pooled, size in zip(self.pooled, x_NCTHW.shape[2:], strict=True)
        )
        if self.first:
            h, shortcut = x_NCTHW, run.conv(self.shortcut, mean_of_pairs(x_NCTHW, even))
        else:
            h, shortcut = run.relu(x_NCTHW), run.conv(self.shortcut, x_NCTHW, even)
        h = run.conv(self.conv2, run.relu(run.conv(self.conv1, h)), even)
        return self._pool_odd(h + shortcut, even)

    def _pool_odd(self, x_NCTHW: Tensor, done: Sequence[bool]) -> Tensor:
        """Pool the axes that have no pairs: odd sizes above 1 with zeros either side, size 1 by `pooling`."""
        todo = [pooled and not even for pooled, even in zip(self.pooled, done, strict=True)]
        odd = [todo and size > 1 for todo, size in zip(todo, x_NCTHW.shape[2:], strict=True)]
        grown = [
            self.pooling == "reference" and todo and not odd for todo, odd in zip(todo, odd, strict=True)
        ]
        if any(odd):
            sizes = [2 if axis else 1 for axis in odd]
            x_NCTHW = F.avg_pool3d(x_NCTHW, sizes, sizes, [1 if axis else 0 for axis in odd])
        if any(grown):
            x_NCTHW = F.pad(x_NCTHW, [int(axis) for axis in reversed(grown) for _ in range(2)])
        return x_NCTHW


class ResNet(nn.Module):
    """Five blocks, ReLU, the sum over T, H and W, a linear layer.

    Args:
        channels: of the first block.
        flat: a 2D net, for videos of one frame.
        classes: of a conditional net, which adds ⟨v[label], features⟩ to the logit (Miyato & Koyama 2018; §4.6).
            0 for an unconditional one.
    """

    def __init__(
        self, channels: int, *, flat: bool = False, pooling: Pooling = "reference", classes: int = 0
    ) -> None:
        super().__init__()
        widths = [3, *(channels * m for m in MULTIPLIERS)]
        self.blocks = nn.ModuleList(
            Down(c_in, c_out, first=c_in == 3, flat=flat, pooling=pooling) for c_in, c_out in pairwise(widths)
        )
        self.linear = nn.Conv3d(widths[-1], 1, 1)  # on one pixel; so that the net is convolutions throughout
        glorot_uniform_(self.linear)
        self.projection = nn.Conv3d(widths[-1], classes, 1, bias=False) if classes else None
        if self.projection is not None:
            glorot_uniform_(self.projection)

    def forward(
        self, x_NCTHW: Tensor, run: Pass, frames_N: Tensor | None = None, labels_N: Tensor | None = None
    ) -> Tensor:
        """Logits (N,).

        Args:
            frames_N: for the two-stream net, which is called alike.
            labels_N: the videos' classes, from 0; more than N are allowed, the first N count.

        Raises:
            ValueError: the net is conditional and there are no labels.
        """
        del frames_N
        for block in self.blocks:
            x_NCTHW = block(x_NCTHW, run)
        features = run.relu(x_NCTHW).sum(dim=(2, 3, 4), keepdim=True)
        logits_N = run.conv(self.linear, features).flatten()
        if self.projection is None:
            return logits_N
        if labels_N is None:
            raise ValueError("a conditional discriminator needs labels_N, the class of each video")
        # of all classes, though one counts: a mere layer then, through which every kind of pass knows its way
        projections_NK = run.conv(self.projection, features).flatten(1)
        return logits_N + projections_NK.gather(1, labels_N[: len(logits_N), None]).flatten()


class TwoStream(nn.Module):
    """The 3D + 2D baseline: the logit of a video plus the logit of one of its frames (§5.3)."""

    def __init__(self, channels: int, *, pooling: Pooling = "reference", classes: int = 0) -> None:
        super().__init__()
        self.video = ResNet(channels, pooling=pooling, classes=classes)
        self.frame = ResNet(channels, flat=True, pooling=pooling, classes=classes)

    def forward(
        self, x_NCTHW: Tensor, run: Pass, frames_N: Tensor | None = None, labels_N: Tensor | None = None
    ) -> Tensor:
        """Logits (N,).

        Args:
            frames_N: the frame of each video that the 2D net sees; more than N are allowed, the first N count.
            labels_N: the videos' classes; likewise.

        Raises:
            ValueError: there is no `frames_N`, or there are no labels and the nets are conditional.
        """
        if frames_N is None:
            raise ValueError("the 3D + 2D discriminator needs frames_N, the frame that its 2D net sees")
        samples = torch.arange(len(x_NCTHW), device=x_NCTHW.device)
        stills_NCTHW = x_NCTHW[samples, :, frames_N[: len(samples)]].unsqueeze(2)
        of_video, of_frame = (
            net(x, run, labels_N=labels_N) for net, x in ((self.video, x_NCTHW), (self.frame, stills_NCTHW))
        )
        logits_N: Tensor = of_video + of_frame
        return logits_N


class Discriminator(nn.Module):
    """One unshared net for each video that the generator renders.

    Args:
        levels: number of videos.
        channels: of the first block of each net.
        two_stream: judge one frame of each video too.
        classes: that the nets are told of, for a conditional model; 0 for an unconditional one.
        literal: run every layer as the paper writes it and counts it (Table 1), not in its cheaper equal form.
    """

    def __init__(
        self,
        *,
        levels: int = 4,
        channels: int = 64,
        two_stream: bool = False,
        pooling: Pooling = "reference",
        classes: int = 0,
        literal: bool = False,
    ) -> None:
        super().__init__()
        net = TwoStream if two_stream else ResNet
        self.levels = nn.ModuleList(net(channels, pooling=pooling, classes=classes) for _ in range(levels))
        self.literal = literal

    def forward(
        self, videos: Sequence[Tensor], frames_N: Tensor | None = None, labels_N: Tensor | None = None
    ) -> Tensor:
        """Logits (N, L) of L videos (N, 3, T_l, H_l, W_l) in [-1, 1].

        Args:
            frames_N: index of the frame that the 2D net of the 3D + 2D baseline sees.
            labels_N: class of each sample, from 0, for a conditional model.
        """
        run = Pass(literal=self.literal)
        logits = [self.judge(level, x, run, frames_N, labels_N) for level, x in enumerate(videos)]
        return torch.stack(logits, dim=1)

    def judge(
        self, level: int, x_NCTHW: Tensor, run: Pass, frames_N: Tensor | None, labels_N: Tensor | None = None
    ) -> Tensor:
        """Logits (N,) of one level's videos; levels count from 0 here."""
        logits_N: Tensor = self.levels[level](x_NCTHW, run, frames_N, labels_N)
        return logits_N
