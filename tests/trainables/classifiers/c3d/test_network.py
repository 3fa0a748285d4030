import pytest
import torch
from torch.nn import functional

from trainables.classifiers.c3d.network import C3D, pooled

PAPER = (64, 128, 256, 256, 512, 512, 512, 512)
NARROW = (2, 3, 4, 4, 5, 5, 6, 6)


def test_the_papers_plan_at_112_pixels() -> None:
    with torch.device("meta"):
        network = C3D(101, PAPER, 4096, frames=16, size=112)
        logits, features = network(torch.empty(2, 3, 16, 112, 112))
    assert network.fc6.in_features == 8192  # 512 × 1 × 4 × 4: the last pool rounds 7 up to 4
    assert (logits.shape, features.shape) == ((2, 101), (2, 4096))
    convolutions = 27 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 3 * 512 * 512) + sum(PAPER)
    linear = 8192 * 4096 + 4096 * 4096 + 4096 * 101 + 2 * 4096 + 101
    assert sum(p.numel() for p in network.parameters()) == convolutions + linear == 78_409_573


@pytest.mark.parametrize(
    ("size", "stages", "left"), [(112, 5, 4), (32, 5, 1), (192, 5, 6), (16, 4, 1), (20, 4, 2)]
)
def test_pools_round_up(size: int, stages: int, left: int) -> None:
    assert pooled(size, stages) == left


def relu_of(network: C3D, number: int, x: torch.Tensor) -> torch.Tensor:
    convolution = network.convolutions[number]
    assert isinstance(convolution, torch.nn.Conv3d)
    return functional.relu(functional.conv3d(x, convolution.weight, convolution.bias, padding=1))


@pytest.mark.parametrize(("frames", "size"), [(16, 32), (8, 48), (20, 40)])
@pytest.mark.usefixtures("float64")
def test_forward_agrees_with_the_plan_written_out(frames: int, size: int) -> None:
    torch.manual_seed(0)
    network = C3D(7, NARROW, 9, frames, size)
    torch.nn.init.normal_(network.fc8.weight)
    clips = torch.rand(2, 3, frames, size, size) * 2 - 1

    x = functional.max_pool3d(relu_of(network, 0, clips), (1, 2, 2), (1, 2, 2), ceil_mode=True)
    x = functional.max_pool3d(relu_of(network, 1, x), 2, 2, ceil_mode=True)
    for first in (2, 4, 6):
        x = relu_of(network, first + 1, relu_of(network, first, x))
        x = functional.max_pool3d(x, 2, 2, ceil_mode=True)
    fc7 = functional.relu(network.fc7(functional.relu(network.fc6(x.flatten(1)))))

    logits, features = network(clips)
    torch.testing.assert_close(features, fc7)
    torch.testing.assert_close(logits, network.fc8(fc7))


@pytest.mark.usefixtures("float64")
def test_dropout_masks_act_on_fc6_and_fc7_but_not_on_the_features_given_out() -> None:
    torch.manual_seed(0)
    network = C3D(4, NARROW, 6, frames=16, size=32)
    torch.nn.init.normal_(network.fc8.weight)
    clips = torch.rand(2, 3, 16, 32, 32)
    whole = network(clips)
    torch.testing.assert_close(network(clips, torch.ones(2, 2, 6)), whole)
    no_fc7 = torch.stack([torch.ones(2, 6), torch.zeros(2, 6)], dim=1)
    logits, features = network(clips, no_fc7)
    torch.testing.assert_close(features, whole[1])
    torch.testing.assert_close(logits, network.fc8.bias.expand(2, -1))


def test_seven_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="must name the 8 convolutions of C3D, but got"):
        C3D(4, NARROW[:7], 6, frames=16, size=32)
