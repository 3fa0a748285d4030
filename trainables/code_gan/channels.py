"""How wide the stage 2 networks are at each resolution: one law for codes and for images. No torch here."""

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
