"""Three ways to run a piecewise linear network: plainly, recorded, and along a tangent.

The discriminator holds convolutions, ReLU and mean pooling, and nothing in it mixes samples. With the gates of its
ReLUs held fixed a logit is y_i = A_i x_i + b_i, so one backward pass from Σ_i y_i serves a whole step. Let c_i be the
cotangent that it leaves at a convolution's output, a_i that convolution's input, v_i = ∂y_i/∂x_i, and t_i what the
convolution's input becomes when v_i runs through the same gates without biases. Then

- the gradient of a loss Σ_i L_i(y_i) is L'_i v_i with respect to x_i, and Σ_i L'_i (a_i ⊗ c_i) to the kernel;
- ‖v_i‖² = A_i v_i, whose gradient with respect to the kernel is 2 t_i ⊗ c_i (and none to biases); a penalty
  p(‖v_i‖²) has that times p', which is to run p' v_i through the gates in the place of v_i.

That is a gradient penalty without a backward pass through a backward pass, and the discriminator's and the generator's
gradients without two more of them. It equals automatic differentiation up to rounding (tested).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv3d_weight

from trainables.parts.precision import wide, widened
from trainables.parts.resample import Axis, full_precision, kernel_of

KEPT = (False, False, False)
"""No axis of (T, H, W) is halved."""


def mean_of_pairs(x_NCTHW: Tensor, halved: Sequence[bool]) -> Tensor:
    """Mean pooling by 2 along the halved axes of (T, H, W), whose sizes are even."""
    return F.avg_pool3d(x_NCTHW, [2 if half else 1 for half in halved]) if any(halved) else x_NCTHW


class Pass:
    """An ordinary forward pass, of which autograd sees everything.

    Args:
        literal: convolve, then pool, as the paper writes and counts it, not as one strided convolution.
    """

    def __init__(self, *, literal: bool = False) -> None:
        self.literal = literal

    def relu(self, x: Tensor, leak: float = 0.0) -> Tensor:
        """max(x, leak · x)."""
        return F.leaky_relu(x, leak) if leak else F.relu(x)

    def conv(self, layer: nn.Conv3d, x_NCTHW: Tensor, halved: Sequence[bool] = KEPT) -> Tensor:
        """The layer, then the mean of pairs along the halved axes."""
        if self.literal:
            return mean_of_pairs(layer(x_NCTHW), halved)
        if max(layer.kernel_size) == 1:  # a mean commutes with a pointwise layer, which is cheaper after it
            x_NCTHW, halved = mean_of_pairs(x_NCTHW, halved), KEPT
        axes = [Axis(*axis) for axis in zip(x_NCTHW.shape[2:], layer.kernel_size, halved, strict=True)]
        return self._conv(layer, x_NCTHW, axes)

    def _conv(self, layer: nn.Conv3d, x_NCTHW: Tensor, axes: Sequence[Axis]) -> Tensor:
        return _apply(x_NCTHW, _kernel(layer, axes, x_NCTHW.device), layer.bias, axes)


@dataclass(frozen=True)
class Call:
    """One convolution of a recorded pass."""

    kernel: Tensor  # with the pooling worked in; autograd leads from it to the layer's weight
    bias: Tensor | None
    axes: Sequence[Axis]
    x_NCTHW: Tensor
    y_NCTHW: Tensor


class Recorded(Pass):
    """A forward pass that autograd follows to the input only, and that remembers convolutions and gates."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.gates: list[Tensor] = []

    def relu(self, x: Tensor, leak: float = 0.0) -> Tensor:
        y = super().relu(x, leak)
        self.gates.append(y.detach() > 0)
        return y

    def _conv(self, layer: nn.Conv3d, x_NCTHW: Tensor, axes: Sequence[Axis]) -> Tensor:
        kernel = _kernel(layer, axes, x_NCTHW.device)
        bias = None if layer.bias is None else layer.bias.detach()
        y_NCTHW = _apply(x_NCTHW, kernel.detach(), bias, axes)
        self.calls.append(Call(kernel, layer.bias, axes, x_NCTHW.detach(), y_NCTHW))
        return y_NCTHW

    def backward(self, logits_N: Tensor, x_NCTHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        """∂y_i/∂x_i for all samples, and the cotangent at each convolution's output."""
        slope, *cotangents = torch.autograd.grad(
            logits_N.sum(), [x_NCTHW, *(call.y_NCTHW for call in self.calls)]
        )
        return slope, cotangents

    def gradients(
        self, cotangents: Sequence[Tensor], slopes_N: Tensor, tangents: Sequence[Tensor], weight: float
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Gradients of Σ_i L_i(y_i) + weight · Σ_i p(‖v_i‖²), each with the kernel or bias that it is of.

        Args:
            cotangents: of each convolution, from `backward`.
            slopes_N: L'_i(y_i).
            tangents: each convolution's input (n, C, T, H, W) on p' v_i of the first n samples.
            weight: of the penalties of those n.
        """
        for call, cotangent, tangent in zip(self.calls, cotangents, tangents, strict=True):
            if cotangent.device.type == "cpu":  # oneDNN's bfloat16 kernel gradients read memory nobody wrote
                cotangent = widened(cotangent)
            x = call.x_NCTHW * slopes_N[:, None, None, None, None]
            x[: len(tangent)].add_(tangent, alpha=2 * weight)
            kernel_gradient = conv3d_weight(  # type: ignore[no-untyped-call]
                x.to(cotangent.dtype),
                call.kernel.shape,
                cotangent,
                stride=[axis.stride for axis in call.axes],
                padding=[axis.padding for axis in call.axes],
            )
            yield call.kernel, widened(kernel_gradient)
            if call.bias is not None:
                sums_NO = cotangent.sum(dim=(2, 3, 4), dtype=wide(cotangent.dtype))
                yield call.bias, (slopes_N[:, None] * sums_NO).sum(dim=0)


class Tangent(Pass):
    """The linear part of a recorded pass: its gates and kernels, no biases. Runs on the recording's first samples."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__()
        self._gates, self._calls = iter(recorded.gates), iter(recorded.calls)
        self.inputs: list[Tensor] = []

    def relu(self, x: Tensor, leak: float = 0.0) -> Tensor:
        return torch.where(next(self._gates)[: len(x)], x, leak * x if leak else 0)

    def _conv(self, layer: nn.Conv3d, x_NCTHW: Tensor, axes: Sequence[Axis]) -> Tensor:
        self.inputs.append(x_NCTHW)
        return _apply(x_NCTHW, next(self._calls).kernel, None, axes)


def _kernel(layer: nn.Conv3d, axes: Sequence[Axis], on: torch.device) -> Tensor:
    """The layer's kernel for these axes. Spectral norm takes its power iteration here, in the weight's precision."""
    with full_precision(on.type):
        return kernel_of(layer.weight, axes)


def _apply(x_NCTHW: Tensor, kernel: Tensor, bias: Tensor | None, axes: Sequence[Axis]) -> Tensor:
    stride, padding = [axis.stride for axis in axes], [axis.padding for axis in axes]
    return F.conv3d(x_NCTHW, kernel, bias, stride=stride, padding=padding)
