"""The figures of one GAN; what needs the data set comes last."""

from collections.abc import Callable, Iterator

from retable.figures.trained_trial import TrainedTrial
from retable.trial.figures import Figure
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.figures.neighbours import neighbours
from trainables.code_gan.figures.sampler import Sampler
from trainables.code_gan.figures.samples import interpolation, samples


def everything(
    config: CodeGANConfig, finished: TrainedTrial, count: int, progress: Callable[[int, int], None]
) -> Iterator[Figure]:
    """Samples, Figure 10, and nearest neighbours.

    Args:
        count: samples behind what is measured.
        progress: told (done, in all).

    Raises:
        NothingToDraw: the autoencoder, the data set or the classifier is not here.
    """
    sampler = Sampler.of(config, finished)
    yield from samples(sampler)
    yield from interpolation(sampler)
    yield from neighbours(config, finished, sampler, count, progress)
