"""Samples, and what lies between them."""

from collections.abc import Iterator

import numpy as np
import torch

from retable.data.samples.pixels import to_uint8
from retable.figures.kinds import Sheet
from retable.trial.figures import Figure
from trainables.code_gan.figures.sampler import Sampler

SIDE = 6
PAIRS, STEPS = 6, 8


def samples(sampler: Sampler) -> Iterator[Figure]:
    """6 × 6 images of fixed z, none chosen by hand."""
    shown = sampler.shown(range(SIDE**2))
    caption = f"Samples of {SIDE**2} fixed z, not selected (Figures 5 to 9 have such grids)."
    yield Sheet("samples", caption, shown.reshape(SIDE, SIDE, *shown.shape[1:]))


def interpolation(sampler: Sampler) -> Iterator[Figure]:
    """Figure 10: z = (1 - a) z_first + a z_last, a pair in each row, a from 0 to 1."""
    first_NZ, last_NZ = (sampler.noise(range(start, start + PAIRS)) for start in (0, PAIRS))
    shares = [step / (STEPS - 1) for step in range(STEPS)]
    between = [sampler.images(torch.lerp(first_NZ, last_NZ, share)) for share in shares]
    yield Sheet(
        "interpolation",
        f"Figure 10: from one z to another on a straight line in {STEPS} steps, a pair in each row. The paper does not "
        "say which line; on this one the middle is nearer to 0 than samples are.",
        np.asarray(to_uint8(torch.stack(between, dim=1))),
    )
