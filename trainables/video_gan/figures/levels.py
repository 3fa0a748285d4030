"""Figures 13 and 14: the same z rendered at each level."""

from collections.abc import Iterator

import numpy as np

from retable.figures.kinds import Film, Sheet
from retable.io.media import Pixels
from retable.trial.figures import Figure
from trainables.video_gan.figures.sampler import Sampler

SHOWN, FRAME_BY_FRAME = 6, 3


def levels(sampler: Sampler) -> Iterator[Figure]:
    """A z in a row, a level in a column (13); then a z and level in a row, all frames (14): nothing is subsampled."""
    codes = sampler.shown(range(SHOWN))
    last = sampler.config.levels[-1]
    clips_LNTCHW = np.stack(
        [_enlarged(sampler.clips(codes, level), 2 ** (last - level)) for level in sampler.config.levels]
    )
    clips_NLTCHW = clips_LNTCHW.swapaxes(0, 1)
    middle = clips_NLTCHW.shape[2] // 2
    caption = "Figure 13: the same z at levels 1 to 4, from left to right, all frames rendered."
    yield Film(
        "levels", caption, clips_NLTCHW.reshape(-1, *clips_NLTCHW.shape[2:]), len(sampler.config.levels)
    )
    yield Sheet(
        "levels", f"{caption} Frame {middle + 1}; the paper does not say which.", clips_NLTCHW[:, :, middle]
    )
    rows = [
        f"z {number + 1}, level {level}"
        for number in range(FRAME_BY_FRAME)
        for level in sampler.config.levels
    ]
    yield Sheet(
        "dense_levels",
        f"Figure 14: all frames of {FRAME_BY_FRAME} z at every level, without subsampling.",
        clips_NLTCHW[:FRAME_BY_FRAME].reshape(-1, *clips_NLTCHW.shape[2:]),
        rows,
    )


def _enlarged(clips: Pixels, factor: int) -> Pixels:
    """Each pixel `factor` × `factor` times: one level's clips as large as the last level's."""
    return clips.repeat(factor, axis=3).repeat(factor, axis=4)
