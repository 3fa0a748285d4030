import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from trainables.video_gan.modules.conv_lstm import ConvLSTM
from trainables.video_gan.modules.generator import Generator, Up, subsample


def small(resolution: int = 32, **changes: object) -> Generator:
    size = {"z_dim": 6, "base_channels": 2, "clstm_channels": 4, "frames": 8, "resolution": resolution}
    return Generator(**{**size, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("resolution", "parameters"), [(192, 88_032_460), (256, 89_874_636)])
def test_parameters_of_the_papers_sizes(resolution: int, parameters: int) -> None:
    with torch.device("meta"):
        generator = Generator(resolution=resolution)
    assert sum(p.numel() for p in generator.parameters()) == parameters


@pytest.mark.parametrize(
    ("resolution", "strides", "multiply_accumulates"),
    [
        (192, (1, 1, 1), 44_976_439_296),
        (192, (2, 2, 2), 28_888_399_872),
        (192, (4, 4, 1), 26_183_761_920),
        (256, (2, 2, 2), 51_357_155_328),
    ],
)
def test_operations_of_table_1(resolution: int, strides: tuple[int, ...], multiply_accumulates: int) -> None:
    with torch.device("meta"):
        generator = Generator(resolution=resolution, strides=strides, literal=True)
        with FlopCounterMode(display=False) as counter:
            generator(torch.zeros(1, 256), (0, 0, 0))
    assert counter.get_total_flops() == 2 * multiply_accumulates


@pytest.mark.parametrize(
    ("resolution", "ups", "sides"),
    [(16, 4, (2, 4, 8, 16)), (32, 5, (4, 8, 16, 32)), (64, 6, (8, 16, 32, 64))],
)
def test_small_resolutions_leave_out_blocks_before_level_1(
    resolution: int, ups: int, sides: tuple[int, ...]
) -> None:
    generator = small(resolution, strides=(2, 1, 2))
    videos = generator(torch.zeros(2, 6), (1, 0, 0))
    assert len(generator.ups) == ups
    widths = [p.shape[0] for name, p in generator.named_parameters() if "conv2.bias" in name]
    assert widths[-4:] == [8, 4, 2, 2]
    assert [tuple(video.shape) for video in videos] == [
        (2, 3, frames, side, side) for frames, side in zip((8, 4, 4, 2), sides, strict=True)
    ]


@pytest.mark.parametrize("resolution", [0, 8, 24, 48, 100])
def test_other_resolutions_are_refused(resolution: int) -> None:
    with pytest.raises(ValueError, match=f"16, 32 or a multiple of 64, but got {resolution}"):
        small(resolution)


@pytest.mark.parametrize("resolution", [32, 192])
def test_the_cheap_form_equals_the_papers(resolution: int) -> None:
    torch.manual_seed(0)
    cheap = small(resolution, strides=(2, 2, 1)).double()
    literal = small(resolution, strides=(2, 2, 1), literal=True).double()
    literal.load_state_dict(cheap.state_dict())
    z = torch.rand(2, 6, dtype=torch.float64) * 2 - 1
    results = []
    for generator in (cheap, literal):
        videos = generator(z, (1, 0, 0))
        gradients = torch.autograd.grad(
            sum(video.square().sum() for video in videos), list(generator.parameters())
        )
        results.append((*videos, *gradients, *generator.buffers()))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("float64")
def test_convlstm_by_its_equations() -> None:
    torch.manual_seed(0)
    lstm, x = ConvLSTM(3), torch.randn(2, 3, 4, 4)
    lstm.input.bias = nn.Parameter(torch.randn(12))
    h = c = torch.zeros_like(x)
    for t, state in enumerate(lstm(x, 5).unbind(1)):
        i, f, o, g = (lstm.input(x if t == 0 else torch.zeros_like(x)) + lstm.hidden(h)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        torch.testing.assert_close(state, h)


def upsampled(h: Tensor) -> Tensor:
    return F.interpolate(h, scale_factor=2.0)


@pytest.mark.usefixtures("float64")
def test_up_block_by_its_equations() -> None:
    torch.manual_seed(0)
    up, x = Up(3, 5), torch.randn(4, 3, 6, 6)
    h = up.conv1(upsampled(F.relu(up.bn1(x))))
    expected = up.conv2(F.relu(up.bn2(h))) + up.shortcut(upsampled(x))
    torch.testing.assert_close(up(x), expected, rtol=1e-10, atol=1e-10)


def test_subsampling_keeps_every_stride_th_frame_of_each_sample() -> None:
    x = torch.arange(12.0).view(12, 1, 1, 1)
    assert subsample(x, samples=2, offset=1, stride=2).flatten().tolist() == [1, 3, 5, 7, 9, 11]
    assert subsample(x, samples=2, offset=2, stride=4).flatten().tolist() == [2, 8]
    assert subsample(x, samples=2, offset=0, stride=1) is x
    assert subsample(x, samples=4, offset=1, stride=2, batch_stride=2).flatten().tolist() == [1, 7]
    assert subsample(x, samples=3, offset=0, stride=4, batch_stride=2).flatten().tolist() == [0, 8]


def test_training_is_a_function_of_noise_and_offsets() -> None:
    generator, z = small(strides=(2, 2, 2)), torch.rand(3, 6)
    first, again = (generator(z, (1, 0, 1)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(generator(z, (0, 0, 1))[1], first[1])


@pytest.mark.usefixtures("float64")
def test_dense_videos_go_on_beyond_the_trained_length() -> None:
    generator, z = small().eval(), torch.rand(2, 6)
    longer = generator.generate(z, frames=11)
    assert longer.shape == (2, 3, 11, 32, 32)
    torch.testing.assert_close(longer[:, :, :8], generator.generate(z, frames=8))
    assert generator.generate(z, level=2, frames=8).shape == (2, 3, 8, 8, 8)
    assert float(longer.abs().max()) <= 1


def test_dense_videos_need_eval_mode_and_a_rendered_level() -> None:
    generator = small(levels=(4,))
    with pytest.raises(RuntimeError, match=r"call eval\(\) first"):
        generator.generate(torch.zeros(1, 6))
    with pytest.raises(ValueError, match=r"one of the rendered \(4,\), but got 1"):
        generator.eval().generate(torch.zeros(1, 6), level=1)
    assert len(generator.train()(torch.zeros(2, 6), (0, 0, 0))) == 1


def test_initial_weights_have_chainers_scales() -> None:
    torch.manual_seed(0)
    up = Up(64, 32)
    for conv, gain, fans in ((up.conv1, 2**0.5, 9 * 96), (up.shortcut, 1.0, 96)):
        limit = gain * (6 / fans) ** 0.5
        assert 0.98 * limit < float(conv.weight.detach().abs().max()) <= limit
        assert conv.bias is not None
        assert not conv.bias.any()
    lstm = ConvLSTM(16)
    assert float(lstm.hidden.weight.detach().std()) == pytest.approx((1 / (16 * 9)) ** 0.5, rel=0.02)


@pytest.mark.usefixtures("float64")
def test_batch_subsampling_leaves_fewer_samples_at_each_level() -> None:
    thin = small(strides=(2, 1, 2), batch_strides=(2, 1, 2), batch_norm=False)
    z, offsets = torch.rand(5, 6), (1, 0, 1)
    videos = thin(z, offsets)
    assert [len(video) for video in videos] == [5, 3, 3, 2]
    thin.batch_strides = (1, 1, 1)
    for kept, all_of_them, one_in in zip(videos, thin(z, offsets), (1, 2, 2, 4), strict=True):
        torch.testing.assert_close(kept, all_of_them[::one_in])


@pytest.mark.usefixtures("float64")
def test_without_batch_norm_samples_do_not_mix() -> None:
    generator, z = small(batch_norm=False), torch.rand(3, 6)
    alone, together = generator(z[:1], (0, 0, 0)), generator(z, (0, 0, 0))
    for one, many in zip(alone, together, strict=True):
        torch.testing.assert_close(one, many[:1])
    assert not list(generator.buffers())


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_stacked_layer_is_a_convlstm_of_its_inputs(dilation: int) -> None:
    """Step by step, from the equations of Shi et al. without peepholes."""
    layer, x = ConvLSTM(2, dilation=dilation).double(), torch.randn(3, 4, 2, 5, 5, dtype=torch.float64)
    h = c = torch.zeros_like(x[:, 0])
    for t in range(4):
        i, f, o, g = (layer.input(x[:, t]) + layer.hidden(h)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        torch.testing.assert_close(layer(x, 4)[:, t], h)
    first = torch.cat([x[:, :1], torch.zeros_like(x[:, 1:])], dim=1)
    torch.testing.assert_close(layer(x[:, 0], 4), layer(first, 4))


@pytest.mark.usefixtures("float64")
def test_layers_are_stacked() -> None:
    generator, z = small(clstm_layers=3), torch.rand(2, 6)
    x = generator.fc(z).view(2, -1, 1, 1)
    states = generator.clstm(x, 8)
    for above in generator.stack:
        states = above(states, 8)
    torch.testing.assert_close(generator._first_map(z, None, 8), states.flatten(0, 1))
    assert len(generator.stack) == 2


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.usefixtures("float64")
def test_dilation_from_the_side_of_the_maps_on_is_the_same_for_all(side: int) -> None:
    torch.manual_seed(0)
    x, layer = torch.randn(2, 3, side, side), ConvLSTM(3, dilation=side)
    wide = ConvLSTM(3, dilation=side + 1)
    wide.load_state_dict(layer.state_dict())
    torch.testing.assert_close(wide(x, 4), layer(x, 4))
    if side == 2:
        plain = ConvLSTM(3)
        plain.load_state_dict(layer.state_dict())
        assert not torch.allclose(plain(x, 4), layer(x, 4))
