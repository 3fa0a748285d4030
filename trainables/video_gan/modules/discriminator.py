"""TGANv2's discriminator: for each level an unshared ResNet of 3D convolutions (Figure 4), and the baselines' (§5.3).

Without residual blocks it is the simple discriminator of §6.1.6.

Shapes: N samples, C channels, T frames, H height, W width.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as normalise

from trainables.parts.initial import glorot_uniform_
from trainables.video_gan.modules.blocks import Down, Plain, Pooling
from trainables.video_gan.modules.passes import Pass

MULTIPLIERS = (1, 2, 4, 8, 16)
"""Channels of the five blocks, in units of the first's."""


class ResNet(nn.Module):
    """Five blocks, ReLU, the sum over T, H and W, a linear layer.

    Args:
        channels: of the first block.
        flat: a 2D net, for videos of one frame.
        residual: whether the blocks are; otherwise each is one convolution.
        classes: of a conditional net, which adds ⟨v[label], features⟩ to the logit (Miyato & Koyama 2018; §4.6).
            0 for an unconditional one.
    """

    def __init__(
        self,
        channels: int,
        *,
        flat: bool = False,
        pooling: Pooling = "reference",
        residual: bool = True,
        classes: int = 0,
    ) -> None:
        super().__init__()
        widths = [3, *(channels * m for m in MULTIPLIERS)]
        block = Down if residual else Plain
        self.blocks = nn.ModuleList(
            block(c_in, c_out, first=at == 0, flat=flat, pooling=pooling)
            for at, (c_in, c_out) in enumerate(pairwise(widths))
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

    def __init__(
        self, channels: int, *, pooling: Pooling = "reference", residual: bool = True, classes: int = 0
    ) -> None:
        super().__init__()
        self.video = ResNet(channels, pooling=pooling, residual=residual, classes=classes)
        self.frame = ResNet(channels, flat=True, pooling=pooling, residual=residual, classes=classes)

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
        two_stream: discriminate one frame of each video too.
        residual: whether the nets' blocks are.
        spectral_norm: divide the kernel of every convolution in the blocks by its largest singular value (Miyato et al.
            2018), of which each training pass takes one step of the power method. The vectors of that method are
            buffers; equal weights move them alike on all workers.
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
        residual: bool = True,
        spectral_norm: bool = False,
        classes: int = 0,
        literal: bool = False,
    ) -> None:
        super().__init__()
        net = TwoStream if two_stream else ResNet
        self.levels = nn.ModuleList(
            net(channels, pooling=pooling, residual=residual, classes=classes) for _ in range(levels)
        )
        blocks = [block for block in self.modules() if spectral_norm and isinstance(block, Down | Plain)]
        for block in blocks:
            for conv in block.children():
                normalise(conv)
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
        logits = [self.logits(level, x, run, frames_N, labels_N) for level, x in enumerate(videos)]
        return torch.stack(logits, dim=1)

    def logits(
        self, level: int, x_NCTHW: Tensor, run: Pass, frames_N: Tensor | None, labels_N: Tensor | None = None
    ) -> Tensor:
        """Logits (N,) of one level's videos; levels count from 0 here."""
        logits_N: Tensor = self.levels[level](x_NCTHW, run, frames_N, labels_N)
        return logits_N
