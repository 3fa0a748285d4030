from dataclasses import replace

import pytest
import torch

from trainables.code_gan.autoencoder.network import (
    Autoencoder,
    Decoder,
    Encoder,
    PatchDiscriminator,
    build_autoencoder,
)
from trainables.code_gan.costs.maps import leaving, maps
from trainables.code_gan.networks import build_discriminator, build_generator
from trainables.code_gan.stages.channels import (
    Stage2,
    after,
    autoencoder_shapes,
    before,
    channels,
    levels,
    widths,
)
from trainables.code_gan.stages.layers import UpConv2d, unit_pixels

TINY = Stage2(resolution=16, channels=5, z_dim=6, width=4)


def test_the_paper_s_table_2() -> None:
    """First and last maps of both GANs at 256 px, and the 4096 and 256 of their linear layers."""
    for shape, last in ((before(256), (64, 256, 256)), (after(256), (128, 64, 64))):
        found = maps(shape)
        assert (found.generator[0], found.generator[1], found.generator[-2]) == ((4096,), (256, 4, 4), last)
        assert found.generator[-1] == (shape.channels, shape.resolution, shape.resolution)
        assert (found.discriminator[0], found.discriminator[-3]) == (last, (256, 4, 4))
        assert found.discriminator[-2:] == ((256,), (1,))


def test_one_law_for_codes_and_images() -> None:
    assert [channels(4 << level) for level in range(9)] == [256] * 4 + [128] * 2 + [64] * 3
    assert [channels(size, width=2) for size in (4, 64, 1024)] == [2, 1, 1]
    assert after(1024, 16) == after(512, 8) == after(256, 4)


@pytest.mark.parametrize("resolution", [0, 2, 6, 24, 100])
def test_sizes_that_no_doubling_reaches(resolution: int) -> None:
    with pytest.raises(ValueError, match=f"4 · 2\\^k pixels.*but got {resolution}"):
        levels(resolution)


@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_shapes_and_range(resolution: int) -> None:
    shape = replace(TINY, resolution=resolution)
    generator, discriminator = build_generator(shape), build_discriminator(shape)
    fake_NCHW = generator(torch.randn(3, 6))
    assert fake_NCHW.shape == (3, 5, resolution, resolution)
    assert float(fake_NCHW.detach().abs().max()) < 1
    assert discriminator(fake_NCHW).shape == (3,)


@pytest.mark.usefixtures("float64")
def test_pixel_norm_makes_the_root_mean_square_one() -> None:
    x_NCHW = 7 * torch.randn(2, 8, 3, 3)
    assert unit_pixels(x_NCHW).square().mean(dim=1).sqrt().numpy() == pytest.approx(1, abs=1e-8)
    torch.manual_seed(0)
    normal = build_generator(TINY)
    free = build_generator(replace(TINY, pixel_norm=False))
    free.load_state_dict(normal.state_dict())
    z_NZ = torch.randn(2, 6)
    assert not torch.allclose(free(z_NZ), normal(z_NZ))


@pytest.mark.usefixtures("float64")
def test_upsampling_and_convolution_are_one() -> None:
    layer, literal = UpConv2d(3, 4), UpConv2d(3, 4, literal=True)
    literal.load_state_dict(layer.state_dict())
    x_NCHW = torch.randn(2, 3, 5, 4)
    assert layer(x_NCHW).shape == (2, 4, 10, 8)
    torch.testing.assert_close(layer(x_NCHW), literal(x_NCHW))


@pytest.mark.parametrize(("divisor", "wide"), [(2, [8, 16]), (4, [8, 16, 32]), (16, [8, 16, 32, 32, 32])])
def test_codes_of_any_size(divisor: int, wide: list[int]) -> None:
    assert widths(divisor, 8) == wide
    encoder = Encoder(divisor=divisor, code_channels=3, width=2)
    network = Autoencoder(encoder, Decoder(divisor=divisor, code_channels=3, width=2))
    for height, width in ((16, 16), (32, 48)):
        x_NCHW = torch.rand(2, 3, height, width) * 2 - 1
        code_NCHW = encoder(x_NCHW)
        assert code_NCHW.shape == (2, 3, height // divisor, width // divisor)
        assert float(code_NCHW.detach().abs().max()) < 1
        assert network(x_NCHW).shape == x_NCHW.shape


@pytest.mark.parametrize("divisor", [0, 1, 3, 12])
def test_divisors_that_no_halving_reaches(divisor: int) -> None:
    with pytest.raises(ValueError, match=f"must be one of \\(2, 4, 8, 16\\), but got {divisor}"):
        widths(divisor, 8)


@pytest.mark.parametrize("divisor", [2, 4, 8, 16])
def test_the_shapes_of_an_autoencoder_are_known_without_it(divisor: int) -> None:
    state = build_autoencoder(divisor, 5, 6).state_dict()
    assert autoencoder_shapes(divisor, 5, 6) == {name: tuple(value.shape) for name, value in state.items()}


def test_a_logit_for_each_patch() -> None:
    assert PatchDiscriminator(width=2)(torch.rand(2, 3, 32, 64)).shape == (2, 2, 4)
    with torch.device("meta"):
        found = leaving(PatchDiscriminator(), torch.empty(1, 3, 128, 128))
    assert list(found) == [(64, 64, 64), (128, 32, 32), (256, 16, 16), (256, 8, 8), (1, 8, 8)]
