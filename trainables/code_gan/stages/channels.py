"""Channels of the networks: stage 1's by halvings, stage 2's by resolution, of codes and images alike. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from trainables.code_gan.stages.checks import check_divisor

WIDTH = 256
"""Channels of the widest layers, as the paper's Table 2 has them."""


def widths(divisor: int, width: int) -> list[int]:
    """Channels at full resolution, at a half, ... down to 1 / divisor: doubled at most twice.

    Raises:
        ValueError: the divisor is not 2, 4, 8 or 16.
    """
    check_divisor(divisor)
    return [min(width << halving, 4 * width) for halving in range(divisor.bit_length())]


def autoencoder_shapes(code_divisor: int, code_channels: int, width: int) -> Mapping[str, tuple[int, ...]]:
    """The shapes of the weights of F and H of these sizes, by name. Raises as `widths` does."""
    wide = widths(code_divisor, width)
    layers = {
        "encoder.first": (3, width),
        **{f"encoder.downs.{number}": pair for number, pair in enumerate(pairwise(wide))},
        "encoder.out": (wide[-1], code_channels),
        "decoder.first": (code_channels, wide[-1]),
        **{f"decoder.ups.{number}": pair for number, pair in enumerate(pairwise(wide[::-1]))},
        "decoder.out": (width, 3),
    }
    weights = {f"{name}.weight": (outputs, inputs, 3, 3) for name, (inputs, outputs) in layers.items()}
    return {**weights, **{f"{name}.bias": (outputs,) for name, (_, outputs) in layers.items()}}


def channels(resolution: int, width: int = WIDTH) -> int:
    """c(r): `width` up to 32 px, half of it at 64 and 128 px, a quarter from 256 px on; at least 1.

    The paper gives the first and the last map of its networks at 256 px and of those of its codes at 64 px. Of the
    laws that fit both, this one explains the published times best.
    """
    return max(width // (1 if resolution <= 32 else 2 if resolution <= 128 else 4), 1)


def levels(resolution: int) -> range:
    """Doublings of 4 px on the way to a resolution: 1, 2, ... for 8, 16, ... px; empty for 4 px.

    Raises:
        ValueError: doubling never gets there.
    """
    doublings = (resolution // 4).bit_length() - 1
    if resolution < 4 or 4 << doublings != resolution:
        raise ValueError(f"a resolution must be 4 · 2^k pixels, such as 64 or 1024, but got {resolution}")
    return range(1, doublings + 1)


@dataclass(frozen=True, kw_only=True)
class Stage2:
    """Sizes of stage 2's networks, and everything that their cost depends on.

    Attributes:
        resolution: height and width of what is generated: of codes after acceleration, of images before it.
        channels: of a code, or 3.
        z_dim: dimensions of the noise.
        width: of the widest layers.
        pixel_norm: whether the generator normalises each pixel.
    """

    resolution: int
    channels: int
    z_dim: int = 128
    width: int = WIDTH
    pixel_norm: bool = True


def before(resolution: int) -> Stage2:
    """The paper's image GAN."""
    return Stage2(resolution=resolution, channels=3)


def after(resolution: int, divisor: int = 4, code_channels: int = 16) -> Stage2:
    """The paper's code GAN for images of that resolution."""
    return Stage2(resolution=resolution // divisor, channels=code_channels)
