"""Figures 6, 7, 9 and 10: samples of the generator."""

from collections.abc import Iterator

from retable.figures.kinds import Film, Sheet
from retable.trial.figures import Figure
from trainables.video_gan.figures.sampler import COLUMNS, Sampler

WHOLE = 8
"""Clips of which every fourth frame is shown."""


def samples(sampler: Sampler) -> Iterator[Figure]:
    """6 × 6 clips playing (Figures 6, 9), a still of each (7, 10), and every fourth frame of some (6, 9)."""
    clips = sampler.clips(sampler.shown(range(COLUMNS**2)))
    middle = clips.shape[1] // 2
    stills = clips[:, middle].reshape(COLUMNS, COLUMNS, *clips.shape[2:])
    note = " A class in each column." if sampler.config.conditional else ""
    yield Film("samples", f"Figures 6, 9: clips of 36 fixed z.{note}", clips, COLUMNS)
    yield Sheet(
        "stills",
        f"Figures 7, 10: frame {middle + 1} of each clip. The paper does not say which frame it shows.{note}",
        stills,
    )
    yield Sheet(
        "frames",
        f"Figures 6, 9: every fourth frame of the first {WHOLE} clips, one in a row. The paper also magnifies eyes and "
        "mouth of a chosen face.",
        clips[:WHOLE, ::4],
    )
