"""TGANv2's generator: FC, ConvLSTM, Up blocks, a subsampling layer after each of levels 1 to 3, one rendering block a level.

Shapes: N samples, T frames, C channels, H height, W width. Image blocks fold time into the batch, (N*T, C, H, W) with
the frames of a sample side by side, so their batch statistics are over the frames that subsampling left.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from retable.trial.distributed import SyncBatchNorm2d
from trainables.parts.conditional_norm import ConditionalBatchNorm2d
from trainables.parts.initial import glorot_uniform_, lecun_normal_
from trainables.parts.layout import packed
from trainables.parts.resample import upsampled_conv2d
from trainables.video_gan.modules.conv_lstm import ConvLSTM

LEVELS = (1, 2, 3, 4)
MULTIPLIERS = (16, 8, 4, 2, 1, 1)
"""Channels of the Up blocks, in units of the base channels (Figure 3)."""


def blocks_and_side(resolution: int) -> tuple[int, int]:
    """Number of Up blocks, and side of the ConvLSTM's maps in pixels.

    Raises:
        ValueError: the resolution is neither a multiple of 64 nor 32 or 16.
    """
    if resolution in (16, 32):
        return {16: 4, 32: 5}[resolution], 1
    if resolution < 64 or resolution % 64:
        raise ValueError(f"resolution must be 16, 32 or a multiple of 64, but got {resolution}")
    return 6, resolution // 64


def batch_norm(channels: int, classes: int = 0, *, on: bool = True) -> nn.Module:
    """Batch norm with Chainer's constants, synchronised over the workers; conditional where there are classes.

    Off, it is nothing (§6.1.5).
    """
    if not on:
        return nn.Identity()
    if classes:
        return ConditionalBatchNorm2d(channels, classes, eps=2e-5, momentum=0.1)
    return SyncBatchNorm2d(channels, eps=2e-5, momentum=0.1)


def normalised(norm: nn.Module, x_MCHW: Tensor, labels_N: Tensor | None) -> Tensor:
    """Output of the layer for features; only a conditional layer uses the samples' labels."""
    out: Tensor = norm(x_MCHW, labels_N) if isinstance(norm, ConditionalBatchNorm2d) else norm(x_MCHW)
    return out


def subsample(x_MCHW: Tensor, samples: int, offset: int, stride: int, batch_stride: int = 1) -> Tensor:
    """Keep frames offset, offset + stride, … of each sample (Equations 8 and 9), and of the samples the 1st and then
    each `batch_stride`-th.

    Args:
        x_MCHW: (samples * T, C, H, W).
    """
    if stride == batch_stride == 1:
        return x_MCHW
    return x_MCHW.view(samples, -1, *x_MCHW.shape[1:])[::batch_stride, offset::stride].flatten(0, 1)


class Up(nn.Module):
    """Twice the size: a pre-activation residual block that upsamples before its first convolution (Figure 4).

    Args:
        classes: of a conditional generator; 0 for an unconditional one.
        normed: whether batch norm is there.
        literal: upsample and convolve one after the other, as the paper's operation counts do.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        classes: int = 0,
        normed: bool = True,
        literal: bool = False,
    ) -> None:
        super().__init__()
        self.bn1 = batch_norm(channels_in, classes, on=normed)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.bn2 = batch_norm(channels_out, classes, on=normed)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1)
        self.literal = literal
        for conv in (self.conv1, self.conv2):
            glorot_uniform_(conv, gain=2**0.5)
        glorot_uniform_(self.shortcut)

    def forward(self, x_MCHW: Tensor, labels_N: Tensor | None = None) -> Tensor:
        h = F.relu(normalised(self.bn1, x_MCHW, labels_N))
        if self.literal:
            h = self.conv1(F.interpolate(h, scale_factor=2.0))
            shortcut = self.shortcut(F.interpolate(x_MCHW, scale_factor=2.0))
        else:
            h = upsampled_conv2d(h, self.conv1.weight, self.conv1.bias)
            shortcut = F.interpolate(self.shortcut(x_MCHW), scale_factor=2.0)
        out: Tensor = self.conv2(F.relu(normalised(self.bn2, h, labels_N))) + shortcut
        return out


class Render(nn.Module):
    """Features to RGB frames in (-1, 1): batch norm, ReLU, 3×3 convolution, tanh."""

    def __init__(self, channels: int, *, classes: int = 0, normed: bool = True) -> None:
        super().__init__()
        self.bn = batch_norm(channels, classes, on=normed)
        self.conv = nn.Conv2d(channels, 3, 3, padding=1)
        lecun_normal_(self.conv)

    def forward(self, x_MCHW: Tensor, labels_N: Tensor | None = None) -> Tensor:
        out: Tensor = torch.tanh(self.conv(F.relu(normalised(self.bn, x_MCHW, labels_N))))
        return out


class Generator(nn.Module):
    """Noise to videos: sparse ones of all levels in training, one dense one afterwards.

    Args:
        resolution: height and width of level 4; level l has resolution / 2^(4-l). Below 64 there are fewer Up blocks
            before level 1.
        frames: T of level 1 in training.
        strides: of the three subsampling layers.
        batch_strides: samples of which each of them keeps one.
        clstm_layers: ConvLSTMs on top of each other (§6.1.1).
        clstm_dilation: of their kernels.
        levels: the levels that have a rendering block; the baselines have level 4 only (§5.3).
        batch_norm: whether it is there.
        classes: of a conditional generator (§4.6): the one-hot label is joined to the noise, and every batch norm is
            conditional. 0 for an unconditional one.
        literal: run every layer as the paper writes it and counts it (Table 1), not in its cheaper equal form.

    Raises:
        ValueError: the resolution can't be had.
    """

    def __init__(
        self,
        *,
        resolution: int = 192,
        frames: int = 16,
        strides: Sequence[int] = (1, 1, 1),
        batch_strides: Sequence[int] = (1, 1, 1),
        z_dim: int = 256,
        base_channels: int = 32,
        clstm_channels: int = 1024,
        clstm_layers: int = 1,
        clstm_dilation: int = 1,
        batch_norm: bool = True,
        levels: Sequence[int] = LEVELS,
        classes: int = 0,
        literal: bool = False,
    ) -> None:
        super().__init__()
        self.classes = classes
        blocks, self.side = blocks_and_side(resolution)
        self.frames, self.levels = frames, tuple(levels)
        self.strides, self.batch_strides = tuple(strides), tuple(batch_strides)
        widths = [clstm_channels, *(base_channels * m for m in MULTIPLIERS[-blocks:])]
        self.fc = nn.Linear(classes + z_dim, clstm_channels * self.side**2)
        self.clstm = ConvLSTM(clstm_channels, dilation=clstm_dilation, literal=literal)
        self.stack = nn.ModuleList(
            ConvLSTM(clstm_channels, dilation=clstm_dilation, literal=literal)
            for _ in range(clstm_layers - 1)
        )
        self.ups = nn.ModuleList(
            Up(c_in, c_out, classes=classes, normed=batch_norm, literal=literal)
            for c_in, c_out in pairwise(widths)
        )
        self.renders = nn.ModuleDict(
            {
                str(level): Render(widths[level - 5], classes=classes, normed=batch_norm)
                for level in self.levels
            }
        )
        lecun_normal_(self.fc)

    def forward(
        self, z_NZ: Tensor, offsets: Sequence[int], labels_N: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """The training videos (Equation 6).

        Args:
            z_NZ: noise in [-1, 1].
            offsets: b_t of each of the three subsampling layers (Equation 9), shared by all samples.
            labels_N: the samples' classes, from 0, for a conditional generator.

        Returns:
            For each rendered level a video (n_l, 3, T_l, H_l, W_l) in (-1, 1); n_l = N but for batch sub-sampling.

        Raises:
            ValueError: a conditional generator gets no labels, or another one gets some.
        """
        samples = len(z_NZ)
        h = self._first_map(z_NZ, labels_N, self.frames)
        videos = []
        for level in LEVELS:
            h = self._block(level, h, labels_N)
            if level in self.levels:
                videos.append(_video(self.renders[str(level)](h, labels_N), samples))
            if level < LEVELS[-1]:
                skip = self.batch_strides[level - 1]
                h = subsample(h, samples, offsets[level - 1], self.strides[level - 1], skip)
                samples = -(-samples // skip)
                labels_N = None if labels_N is None else labels_N[::skip]
        return tuple(videos)

    @torch.no_grad()
    def generate(
        self, z_NZ: Tensor, labels_N: Tensor | None = None, *, level: int = 4, frames: int = 16
    ) -> Tensor:
        """Dense videos: no subsampling, running statistics, one rendering block (Equation 5).

        Args:
            z_NZ: noise in [-1, 1].
            labels_N: the samples' classes, from 0, for a conditional generator.
            level: whose rendering block; a lower one gives the same videos at a lower resolution (§5.6).
            frames: length; more than in training goes on with the ConvLSTM (§6.1.2).

        Returns:
            (N, 3, frames, H_level, W_level) in (-1, 1).

        Raises:
            RuntimeError: the generator is in training mode.
            ValueError: that level is not rendered, or labels are missing or of no use.
        """
        if self.training:
            raise RuntimeError("a generator in training mode would use batch statistics; call eval() first")
        if level not in self.levels:
            raise ValueError(f"level must be one of the rendered {self.levels}, but got {level}")
        h = self._first_map(z_NZ, labels_N, frames)
        for reached in range(1, level + 1):
            h = self._block(reached, h, labels_N)
        return _video(self.renders[str(level)](h, labels_N), len(z_NZ))

    def _first_map(self, z_NZ: Tensor, labels_N: Tensor | None, frames: int) -> Tensor:
        if (labels_N is None) == (self.classes > 0):
            given = "none" if labels_N is None else f"{len(labels_N)}"
            raise ValueError(
                f"a generator of {self.classes} classes (0: unconditional) got {given} labels; give a conditional one "
                "the label of each sample, and others none"
            )
        if labels_N is not None:
            z_NZ = torch.cat([F.one_hot(labels_N, self.classes).to(z_NZ.dtype), z_NZ], dim=1)
        x_NCHW = self.fc(z_NZ).view(len(z_NZ), -1, self.side, self.side)
        states: Tensor = self.clstm(x_NCHW, frames)
        for above in self.stack:
            states = above(states, frames)
        return states.flatten(0, 1)

    def _block(self, level: int, x_MCHW: Tensor, labels_N: Tensor | None) -> Tensor:
        """The Up blocks between the level before (or the ConvLSTM) and this one."""
        for up in self.ups[:-3] if level == 1 else (self.ups[level - 5],):
            x_MCHW = up(packed(x_MCHW), labels_N)
        return x_MCHW


def _video(frames_MCHW: Tensor, samples: int) -> Tensor:
    """(N*T, C, H, W) to (N, C, T, H, W)."""
    return frames_MCHW.view(samples, -1, *frames_MCHW.shape[1:]).transpose(1, 2)
