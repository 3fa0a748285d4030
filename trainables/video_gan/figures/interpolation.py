"""Figure 12: from one z to another."""

from collections.abc import Iterator

import numpy as np
import torch

from retable.figures.kinds import Film, Sheet
from retable.trial.figures import Figure
from trainables.video_gan.figures.sampler import COLUMNS, Codes, Sampler

STEPS = 8
EIGHTH = 7
"""The frame that Figure 12 shows."""


def interpolation(sampler: Sampler) -> Iterator[Figure]:
    """z = (1 - a) z_first + a z_last: a pair in a column, a in a row, from 0 to 1. A pair has one class.

    What lies between two uniform z is nearer to the middle of the cube than samples are; the paper takes it so.
    """
    first, last = (sampler.shown(range(start, start + COLUMNS)) for start in (0, COLUMNS))
    shares = [step / (STEPS - 1) for step in range(STEPS)]
    between = [Codes(torch.lerp(first.z_NZ, last.z_NZ, share), first.labels_N) for share in shares]
    clips = np.stack([sampler.clips(codes) for codes in between])
    frame = min(EIGHTH, clips.shape[2] - 1)
    rows = [f"a = {share:.2f}" for share in shares]
    caption = "Figure 12: z = (1 - a) z_first + a z_last, a pair in each column."
    yield Film("interpolation", caption, clips.reshape(-1, *clips.shape[2:]), COLUMNS, rows)
    yield Sheet("interpolation", f"{caption} Frame {frame + 1}, as in the paper.", clips[:, :, frame], rows)
