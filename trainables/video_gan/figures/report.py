"""The figures of TGANv2, in the paper's order."""

from collections.abc import Iterator

from retable.trial.figures import Figure, FinishedTrial, Progress
from trainables.video_gan.figures.interpolation import interpolation
from trainables.video_gan.figures.levels import levels
from trainables.video_gan.figures.sampler import Sampler
from trainables.video_gan.figures.samples import samples
from trainables.video_gan.figures.stability import first_frames, measured


def figures(finished: FinishedTrial, count: int, progress: Progress) -> Iterator[Figure]:
    """Figures 6 to 15, one after the other; a baseline has one level, hence no Figures 13 to 15.

    Args:
        count: samples behind the measured curves.
        progress: called with (samples measured, total).
    """
    yield from figures_of(Sampler.of(finished), count, progress)


def figures_of(sampler: Sampler, count: int, progress: Progress) -> Iterator[Figure]:
    """The same figures of a generator at hand."""
    yield from samples(sampler)
    yield from first_frames(sampler)
    yield from interpolation(sampler)
    if len(sampler.config.levels) > 1:
        yield from levels(sampler)
    yield from measured(sampler, count, progress)
