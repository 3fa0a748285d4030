"""The figures of one GAN; those that need the data set come last."""

from collections.abc import Iterator

from retable.trial.figures import Figure, FinishedTrial, Progress
from trainables.code_gan.figures.neighbours import neighbours
from trainables.code_gan.figures.sampler import Sampler
from trainables.code_gan.figures.samples import interpolation, samples


def figures(finished: FinishedTrial, count: int, progress: Progress) -> Iterator[Figure]:
    """Samples, Figure 10, and nearest neighbours.

    Args:
        count: samples behind measured curves.
        progress: called with (done, total).

    Raises:
        NothingToDraw: the autoencoder, the data set or the classifier is not there.
    """
    sampler = Sampler.of(finished)
    yield from samples(sampler)
    yield from interpolation(sampler)
    yield from neighbours(finished, sampler, count, progress)
