import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses import FakeTensorMode

from trainables.parts.resample import Axis, kernel_of, upsampled_conv2d


def strided(x: Tensor, weight: Tensor, axes: list[Axis]) -> Tensor:
    stride, padding = [axis.stride for axis in axes], [axis.padding for axis in axes]
    return F.conv3d(x, kernel_of(weight, axes), stride=stride, padding=padding)


@pytest.mark.parametrize("taps", [(3, 3, 3), (1, 3, 3), (1, 1, 1)])
@pytest.mark.parametrize("halved", list(itertools.product((False, True), repeat=3)))
def test_a_convolution_and_its_pooling_are_one(taps: tuple[int, ...], halved: tuple[bool, ...]) -> None:
    weight = torch.randn(5, 2, *taps, dtype=torch.float64)
    for shape in ((2, 2, 2), (4, 6, 2), (1, 1, 1), (1, 2, 5), (3, 1, 8)):
        if any(half and size % 2 for half, size in zip(halved, shape, strict=True)):
            continue
        x = torch.randn(3, 2, *shape, dtype=torch.float64)
        steps = F.conv3d(x, weight, padding=[size // 2 for size in taps])
        steps = F.avg_pool3d(steps, [2 if half else 1 for half in halved])
        axes = [Axis(*axis) for axis in zip(shape, taps, halved, strict=True)]
        torch.testing.assert_close(strided(x, weight, axes), steps)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (1, 4)])
@pytest.mark.usefixtures("float64")
def test_upsampling_and_the_convolution_after_it_are_one(size: tuple[int, int]) -> None:
    x, weight = torch.randn(2, 3, *size), torch.randn(4, 3, 3, 3)
    bias = torch.randn(4)
    steps = F.conv2d(F.interpolate(x, scale_factor=2.0), weight, bias, padding=1)
    torch.testing.assert_close(upsampled_conv2d(x, weight, bias), steps, rtol=1e-10, atol=1e-10)


def test_taps_that_only_meet_padding_are_left_out() -> None:
    weight = torch.randn(1, 1, 3, 3, 3)
    assert kernel_of(weight, [Axis(1, 3), Axis(4, 3), Axis(2, 3, halved=True)]).shape == (1, 1, 1, 3, 2)
    assert kernel_of(weight, [Axis(2, 3)] * 3) is weight


def test_kernels_first_made_elsewhere_can_be_trained() -> None:
    """What is kept between calls must not be tied to the first caller's mode or device."""
    axes = [Axis(14, 3, halved=True), Axis(1, 3)]
    with torch.inference_mode(), torch.device("meta"):
        kernel_of(torch.zeros(1, 1, 3, 3, device="cpu"), axes)
    with FakeTensorMode():
        kernel_of(torch.zeros(1, 1, 3, 3), axes)
    weight = torch.ones(1, 1, 3, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(kernel_of(weight, axes).sum(), weight)
    assert gradient[0, 0].tolist() == [[0, 1, 0]] * 3
