"""Truncated noise: normal numbers that are kept near 0, for the sake of better samples that vary less.

Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (ICLR 2019), §3.1.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

Law = Literal["resample", "scale"]
LAWS: tuple[Law, ...] = ("resample", "scale")

HUB = 2.0
"""Where the published BigGAN generators cut the normal distribution before they scale it."""


def truncated_normal(
    draw: np.random.Generator, count: int, threshold: float | None, law: Law = "resample"
) -> npt.NDArray[np.float64]:
    """Normal numbers, truncated.

    Args:
        draw: where they come from; without a threshold, they are its next `count` standard normal ones.
        count: how many.
        threshold: τ > 0; None truncates nothing.
        law: ``resample`` draws what is beyond ±τ again until nothing is, as the paper's text has it, so that numbers
            within ±τ are the same at every τ. ``scale`` multiplies numbers truncated at ±2 by τ, as the generators that its
            authors published do.
    """
    z = draw.standard_normal(count)
    if threshold is None:
        return z
    bound = threshold if law == "resample" else HUB
    while (beyond := np.abs(z) > bound).any():
        z[beyond] = draw.standard_normal(int(beyond.sum()))
    return z if law == "resample" else z * threshold
