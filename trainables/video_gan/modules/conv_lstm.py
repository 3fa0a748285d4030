"""The recurrent part of TGANv2's generator: a convolutional LSTM (Shi et al. 2015; §4.1), plain, stacked or dilated.

Shapes: N samples, T frames, C channels, H height, W width.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.parts.initial import lecun_normal_
from trainables.parts.resample import Axis, kernel_of


class ConvLSTM(nn.Module):
    """A convolutional LSTM with zero states before t = 0. Gates: input, forget, output, candidate.

    Args:
        dilation: distance between neighbouring taps of both kernels, in pixels.
        literal: convolve zero maps too, as the paper's operation counts do.
    """

    def __init__(self, channels: int, *, dilation: int = 1, literal: bool = False) -> None:
        super().__init__()
        self.input = nn.Conv2d(channels, 4 * channels, 3, padding=dilation, dilation=dilation)
        self.hidden = nn.Conv2d(channels, 4 * channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.dilation, self.literal = dilation, literal
        for conv in (self.input, self.hidden):
            lecun_normal_(conv)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """The states h_0 … h_{T-1}, (N, T, C, H, W).

        Args:
            x: the input at t = 0, (N, C, H, W), with zero maps after it; or at every t, (N, T, C, H, W), as the states
                of another layer are.
            frames: T.
        """
        if x.ndim == 4:
            return self._states([self.input(x)] + [self._silence(x) for _ in range(1, frames)], x)
        driven = self.input(x.flatten(0, 1)).unflatten(0, (-1, frames))
        return self._states(driven.unbind(1), x[:, 0])

    def _states(self, driven: Sequence[Tensor], like_NCHW: Tensor) -> Tensor:
        """From what the input adds to the gates at each t, (N, 4C, H, W) or (4C, 1, 1)."""
        recur = self._recurrence(like_NCHW)
        cell = torch.zeros_like(like_NCHW)
        states: list[Tensor] = []
        for gates in driven:
            if states:
                gates = recur(states[-1]) + gates
            elif self.literal:
                gates = gates + self.hidden(cell)
            admit, keep, emit, candidate = gates.chunk(4, dim=1)
            cell = keep.sigmoid() * cell + admit.sigmoid() * candidate.tanh()
            states.append(emit.sigmoid() * cell.tanh())
        return torch.stack(states, dim=1)

    def _recurrence(self, like_NCHW: Tensor) -> Callable[[Tensor], Tensor]:
        """The convolution of the state before; its outer taps are left out where they only ever meet padding."""
        if self.dilation > 1:
            return self.hidden
        axes = [Axis(size, 3) for size in like_NCHW.shape[2:]]
        kernel, padding = kernel_of(self.hidden.weight, axes), [axis.padding for axis in axes]
        return lambda h_NCHW: F.conv2d(h_NCHW, kernel, padding=padding)

    def _silence(self, x_NCHW: Tensor) -> Tensor:
        """The input convolution of a zero map, which is its bias everywhere."""
        if self.literal:
            silence: Tensor = self.input(torch.zeros_like(x_NCHW))
            return silence
        assert self.input.bias is not None
        return self.input.bias[:, None, None]
