import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from trainables.video_gan.modules.blocks import Down, Plain, Pooling
from trainables.video_gan.modules.discriminator import Discriminator, ResNet, TwoStream
from trainables.video_gan.modules.passes import Pass

FRAMES = {1: (16, 16, 16, 16), 2: (16, 8, 4, 2), 4: (16, 4, 1, 1)}


def videos(resolution: int, frames: tuple[int, ...]) -> list[Tensor]:
    return [
        torch.zeros(1, 3, t, resolution >> (3 - at), resolution >> (3 - at)) for at, t in enumerate(frames)
    ]


def test_parameters_of_the_papers_sizes() -> None:
    with torch.device("meta"):
        four, two_stream = Discriminator(), Discriminator(levels=1, two_stream=True)
    assert sum(p.numel() for p in four.parameters()) == 116_077_060
    assert sum(p.numel() for p in four.levels[0].parameters()) == 29_019_265
    assert sum(p.numel() for p in two_stream.parameters()) == 39_160_706


@pytest.mark.parametrize(
    ("resolution", "s_t", "multiply_accumulates"),
    [
        (192, 1, 215_644_295_168),
        (192, 2, 53_391_675_392),
        (192, 4, 38_390_091_776),
        (256, 4, 68_113_666_048),
    ],
)
def test_operations_of_table_1(resolution: int, s_t: int, multiply_accumulates: int) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        Discriminator(literal=True)(videos(resolution, FRAMES[s_t]))
    assert counter.get_total_flops() == 2 * multiply_accumulates


def test_operations_of_the_baselines() -> None:
    """Table 1's rows count element-wise operations too: convolutions are 0.1% below them."""
    for two_stream, published in ((False, 162.38e9), (True, 168.20e9)):
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            net = Discriminator(levels=1, two_stream=two_stream, literal=True)
            net([torch.zeros(1, 3, 16, 192, 192)], torch.zeros(1, dtype=torch.int64))
        assert counter.get_total_flops() / 2 == pytest.approx(published, rel=2e-3)


@pytest.mark.parametrize(
    ("frames", "sizes"),
    [
        (16, (16, 8, 4, 2, 1)),
        (8, (8, 4, 2, 1, 3)),
        (4, (4, 2, 1, 3, 2)),
        (2, (2, 1, 3, 2, 1)),
        (1, (1, 3, 2, 1, 3)),
    ],
)
def test_time_axis_through_the_blocks(frames: int, sizes: tuple[int, ...]) -> None:
    assert tuple(size[0] for size in block_sizes(frames, "reference")) == sizes


def test_the_papers_pooling_leaves_single_frames_alone() -> None:
    assert [size[0] for size in block_sizes(1, "paper")] == [1, 1, 1, 1, 1]
    assert [size[0] for size in block_sizes(8, "paper")] == [8, 4, 2, 1, 1]


def test_odd_sizes_of_the_paper() -> None:
    assert [size[1] for size in block_sizes(1, "reference", side=24)] == [12, 6, 3, 2, 1]
    assert [size[2] for size in block_sizes(1, "paper", side=96)] == [48, 24, 12, 6, 3]


def block_sizes(frames: int, pooling: Pooling, side: int = 16) -> list[tuple[int, ...]]:
    x, sizes = torch.zeros(1, 3, frames, side, side), []
    for block in ResNet(1, pooling=pooling).blocks:
        x = block(x, Pass())
        sizes.append(tuple(x.shape[2:]))
    return sizes


def pooled_by_hand(x: Tensor, pooling: Pooling) -> Tensor:
    """Kernel and stride 2 (1 on size 1), zeros either side of odd sizes, counted, axis after axis."""
    for axis in (2, 3, 4):
        size = x.shape[axis]
        x = x.transpose(axis, 4)
        if size % 2 and (size > 1 or pooling == "reference"):
            x = F.pad(x, (1, 1))
        if size > 1:
            pairs = x.shape[4] // 2
            x = x[..., : 2 * pairs].reshape(*x.shape[:4], pairs, 2).mean(-1)
        x = x.transpose(axis, 4)
    return x


@pytest.mark.parametrize("pooling", ["reference", "paper"])
@pytest.mark.parametrize("shape", [(4, 6, 8), (1, 4, 4), (3, 2, 1), (5, 3, 1), (1, 1, 1), (2, 2, 2)])
@pytest.mark.usefixtures("float64")
def test_block_by_its_equations(pooling: Pooling, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    block = Down(2, 4, first=False, flat=False, pooling=pooling)
    for conv in (block.conv1, block.conv2, block.shortcut):
        conv.bias = nn.Parameter(torch.randn(conv.out_channels))
    x = torch.randn(2, 2, *shape)
    h = block.conv2(F.relu(block.conv1(F.relu(x))))
    expected = pooled_by_hand(h, pooling) + pooled_by_hand(block.shortcut(x), pooling)
    torch.testing.assert_close(block(x, Pass()), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(block(x, Pass(literal=True)), expected, rtol=1e-10, atol=1e-10)


def halved(h: Tensor) -> Tensor:
    return F.avg_pool3d(h, (1, 2, 2))


@pytest.mark.usefixtures("float64")
def test_first_block_by_its_equations() -> None:
    torch.manual_seed(0)
    block, x = Down(3, 4, first=True, flat=False, pooling="reference"), torch.randn(2, 3, 5, 4, 4)
    expected = halved(block.conv2(F.relu(block.conv1(x)))) + block.shortcut(halved(x))
    torch.testing.assert_close(block(x, Pass()), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("float64")
def test_sum_pooling_before_the_linear_layer() -> None:
    net = ResNet(1)
    net.blocks = nn.ModuleList()
    x = torch.randn(2, 16, 2, 3, 3)
    expected = F.linear(F.relu(x).sum((2, 3, 4)), net.linear.weight.flatten(1), net.linear.bias)
    torch.testing.assert_close(net(x, Pass()), expected.flatten())


@pytest.mark.usefixtures("float64")
def test_two_streams_add_the_logit_of_one_frame() -> None:
    torch.manual_seed(0)
    net, x = Discriminator(levels=1, channels=2, two_stream=True), torch.randn(2, 3, 4, 16, 16)
    logits_NL = net([x], torch.tensor([3, 0]))
    frames = torch.stack([x[0, :, 3], x[1, :, 0]]).unsqueeze(2)
    streams = net.levels[0]
    assert isinstance(streams, TwoStream)
    expected = streams.video(x, Pass()) + streams.frame(frames, Pass())
    torch.testing.assert_close(logits_NL, expected[:, None])
    with pytest.raises(ValueError, match="needs frames_N"):
        net([x])


@pytest.mark.usefixtures("float64")
def test_a_plain_block_is_a_strided_convolution_of_four_taps() -> None:
    """Mean pooling after 3 taps: what VGAN and TGAN are made of, with ties between the taps."""
    block, x = Plain(2, 3, first=False, flat=False, pooling="reference"), torch.randn(2, 2, 4, 6, 6)
    taps = torch.tensor([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]])
    kernel = torch.einsum("octhw,ta,hb,wd->ocabd", block.conv.weight, taps, taps, taps)
    expected = F.conv3d(F.leaky_relu(x, 0.2), kernel, block.conv.bias, stride=2, padding=1)
    torch.testing.assert_close(block(x, Pass()), expected)


def test_the_plain_net_takes_the_residual_nets_videos() -> None:
    plain, residual = ResNet(2, residual=False), ResNet(2)
    for frames, side in ((16, 4), (8, 8), (3, 16), (1, 32), (24, 4)):
        x = torch.rand(1, 3, frames, side, side)
        for one, other in zip(plain.blocks, residual.blocks, strict=True):
            x = one(x, Pass())
            assert one.pooled == other.pooled
        assert plain(torch.rand(2, 3, frames, side, side), Pass()).shape == (2,)
    assert not any(isinstance(block, Down) for block in plain.blocks)


def test_spectral_norm_is_on_every_convolution_of_the_blocks_and_bounds_it() -> None:
    torch.manual_seed(0)
    net = Discriminator(channels=2, spectral_norm=True)
    for block in net.modules():
        if isinstance(block, Down):
            for conv in block.children():
                assert isinstance(conv, nn.Conv3d)
                for _ in range(30):
                    weight = conv.weight
                assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(
                    1, rel=0.1
                )
    assert isinstance(net.levels[0], ResNet)
    assert net.levels[0].linear.state_dict().keys() == {"weight", "bias"}
