"""TGANv2's generator: FC, ConvLSTM, Up blocks, a subsampling layer after each of levels 1 to 3, one rendering block a level.

Shapes: N samples, T frames, C channels, H height, W width. Image blocks fold time into the batch, (N*T, C, H, W) with
the frames of a sample side by side, so their batch statistics are over the frames that subsampling left.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from retable.ddp import SyncBatchNorm2d
from trainables.parts.conditional_norm import ConditionalBatchNorm2d
from trainables.parts.initial import glorot_uniform_, lecun_normal_
from trainables.parts.layout import packed
from trainables.parts.resample import Axis, kernel_of, upsampled_conv2d

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


def batch_norm(channels: int, classes: int = 0) -> nn.Module:
    """Batch norm with Chainer's constants, synchronised over the workers; conditional where there are classes."""
    if classes:
        return ConditionalBatchNorm2d(channels, classes, eps=2e-5, momentum=0.1)
    return SyncBatchNorm2d(channels, eps=2e-5, momentum=0.1)


def normalised(norm: nn.Module, x_MCHW: Tensor, labels_N: Tensor | None) -> Tensor:
    """What the layer makes of the features; only a conditional one asks for the samples' labels."""
    out: Tensor = norm(x_MCHW, labels_N) if isinstance(norm, ConditionalBatchNorm2d) else norm(x_MCHW)
    return out


def subsample(x_MCHW: Tensor, samples: int, offset: int, stride: int) -> Tensor:
    """Keep frames offset, offset + stride, … of each sample (Equations 8 and 9).

    Args:
        x_MCHW: (samples * T, C, H, W).
    """
    if stride == 1:
        return x_MCHW
    return x_MCHW.view(samples, -1, *x_MCHW.shape[1:])[:, offset::stride].flatten(0, 1)


class ConvLSTM(nn.Module):
    """A convolutional LSTM (§4.1) whose input is zero after the first step. Gates: input, forget, output, candidate.

    Args:
        literal: convolve the zero maps too, as the paper's operation counts do.
    """

    def __init__(self, channels: int, *, literal: bool = False) -> None:
        super().__init__()
        self.input = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.hidden = nn.Conv2d(channels, 4 * channels, 3, padding=1, bias=False)
        self.literal = literal
        for conv in (self.input, self.hidden):
            lecun_normal_(conv)

    def forward(self, x_NCHW: Tensor, frames: int) -> Tensor:
        """The states h_0 … h_{T-1}, (N, T, C, H, W), from zero states and the input at t = 0."""
        axes = [Axis(size, 3) for size in x_NCHW.shape[2:]]
        kernel, padding = kernel_of(self.hidden.weight, axes), [axis.padding for axis in axes]
        gates: Tensor = self.input(x_NCHW)
        cell = torch.zeros_like(x_NCHW)
        states: list[Tensor] = []
        if self.literal:
            gates = gates + self.hidden(cell)
        for t in range(frames):
            if t > 0:
                gates = F.conv2d(states[-1], kernel, padding=padding) + self._silence(x_NCHW)
            admit, keep, emit, candidate = gates.chunk(4, dim=1)
            cell = keep.sigmoid() * cell + admit.sigmoid() * candidate.tanh()
            states.append(emit.sigmoid() * cell.tanh())
        return torch.stack(states, dim=1)

    def _silence(self, x_NCHW: Tensor) -> Tensor:
        """The input convolution of a zero map, which is its bias everywhere."""
        if self.literal:
            silence: Tensor = self.input(torch.zeros_like(x_NCHW))
            return silence
        assert self.input.bias is not None
        return self.input.bias[:, None, None]


class Up(nn.Module):
    """Twice the size: a pre-activation residual block that upsamples before its first convolution (Figure 4).

    Args:
        classes: of a conditional generator; 0 for an unconditional one.
        literal: upsample and convolve one after the other, as the paper's operation counts do.
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, classes: int = 0, literal: bool = False
    ) -> None:
        super().__init__()
        self.bn1 = batch_norm(channels_in, classes)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.bn2 = batch_norm(channels_out, classes)
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

    def __init__(self, channels: int, *, classes: int = 0) -> None:
        super().__init__()
        self.bn = batch_norm(channels, classes)
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
        levels: the levels that have a rendering block; the baselines have level 4 only (§5.3).
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
        z_dim: int = 256,
        base_channels: int = 32,
        clstm_channels: int = 1024,
        levels: Sequence[int] = LEVELS,
        classes: int = 0,
        literal: bool = False,
    ) -> None:
        super().__init__()
        self.classes = classes
        blocks, self.side = blocks_and_side(resolution)
        self.frames, self.strides, self.levels = frames, tuple(strides), tuple(levels)
        widths = [clstm_channels, *(base_channels * m for m in MULTIPLIERS[-blocks:])]
        self.fc = nn.Linear(classes + z_dim, clstm_channels * self.side**2)
        self.clstm = ConvLSTM(clstm_channels, literal=literal)
        self.ups = nn.ModuleList(
            Up(c_in, c_out, classes=classes, literal=literal) for c_in, c_out in pairwise(widths)
        )
        self.renders = nn.ModuleDict(
            {str(level): Render(widths[level - 5], classes=classes) for level in self.levels}
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
            For each rendered level a video (N, 3, T_l, H_l, W_l) in (-1, 1).

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
                h = subsample(h, samples, offsets[level - 1], self.strides[level - 1])
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
        return states.flatten(0, 1)

    def _block(self, level: int, x_MCHW: Tensor, labels_N: Tensor | None) -> Tensor:
        """The Up blocks between the level before (or the ConvLSTM) and this one."""
        for up in self.ups[:-3] if level == 1 else (self.ups[level - 5],):
            x_MCHW = up(packed(x_MCHW), labels_N)
        return x_MCHW


def _video(frames_MCHW: Tensor, samples: int) -> Tensor:
    """(N*T, C, H, W) to (N, C, T, H, W)."""
    return frames_MCHW.view(samples, -1, *frames_MCHW.shape[1:]).transpose(1, 2)
