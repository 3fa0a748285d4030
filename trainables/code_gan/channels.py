"""How wide the stage 2 networks are at each resolution: one law for codes and for images. No torch here."""

from dataclasses import dataclass

WIDTH = 256
"""Channels of the widest layers, as the paper's Table 2 has them."""


def channels(resolution: int, width: int = WIDTH) -> int:
    """c(r): `width` up to 32 px, half of it at 64 and 128 px, a quarter from 256 px on; at least 1.

    The paper gives the first and the last map of its networks at 256 px and of those of its codes at 64 px. Of the
    laws that fit both, this one explains the published times best.
    """
    return max(width // (1 if resolution <= 32 else 2 if resolution <= 128 else 4), 1)


def levels(resolution: int) -> range:
    """How often 4 px are doubled on the way to a resolution: 1, 2, ... for 8, 16, ... px; empty for 4 px.

    Raises:
        ValueError: doubling never gets there.
    """
    doublings = (resolution // 4).bit_length() - 1
    if resolution < 4 or 4 << doublings != resolution:
        raise ValueError(f"a resolution must be 4 · 2^k pixels, such as 64 or 1024, but got {resolution}")
    return range(1, doublings + 1)


@dataclass(frozen=True, kw_only=True)
class Stage2:
    """What the networks of stage 2 look like, and all that their cost depends on.

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
