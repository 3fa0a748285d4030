"""Does a GAN repeat its training images? Its samples' nearest neighbours among them, beside those of held-out images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from retable.data.samples.images import Images
from retable.data.samples.pixels import to_model, to_uint8
from retable.data.samples.split import spread
from retable.evaluation.features import ClassifierConfig, FeatureExtractor
from retable.evaluation.real import RealImages, real_features
from retable.figures.kinds import Curves, Sheet
from retable.io.media import Pixels
from retable.metrics.nearest import nearest
from retable.report.plots.lines import Line, LinePanel
from retable.trial.distributed import Workers
from retable.trial.figures import Figure, FinishedTrial
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.figures.sampler import Sampler

RANKS = 5
"""Neighbours measured."""
SHOWN = 3
"""Neighbours shown of each kind."""
SIDE = 32
"""Pixels are compared at this size at most: finer ones differ wherever something has moved a little."""
BATCH = 16
"""Images held at once: at 1024 × 1024 they are 200 MB."""
SUSPECT = 0.05
"""The part of held-out images that is nearer to a training image than the rest: what a sample is held against."""


@dataclass(frozen=True)
class Neighbours:
    """Nearest training images of each query.

    Attributes:
        distances_MK: rising.
        numbers_MK: of the images, mirrored ones after the others.
    """

    distances_MK: Tensor
    numbers_MK: Tensor


@dataclass(frozen=True)
class Queries:
    """Images whose neighbours are measured, made when they are needed.

    Attributes:
        count: how many there are.
        images: numbers -> images (N, 3, S, S) in [-1, 1] on the CPU, always the same ones.
        rows: of them shown.
    """

    name: str
    count: int
    images: Callable[[Sequence[int]], Tensor]
    rows: int


class TrainingImages:
    """Every training image, and its mirror image if training mirrors them, to be compared with samples.

    Args:
        classifier: its features are compared.
    """

    def __init__(self, images: Images, classifier: FinishedTrial) -> None:
        self.real = RealImages(images, 2 if images.spec.flip else 1)
        self.extractor = FeatureExtractor.load(classifier.folder, classifier.trial.config, classifier.device)
        workers = Workers(0, 1, classifier.device)
        self.features_ND = real_features(self.extractor, self.real, classifier.folder, workers, BATCH)

    def nearest_to(
        self, queries: Queries, progress: Callable[[int], None] = lambda _: None
    ) -> tuple[Neighbours, Neighbours]:
        """By the root mean square of differences of values in [0, 1], and by the Euclidean distance of features.

        Args:
            progress: called with the number of queries looked at so far.
        """
        pixels, features = [], []
        for numbers in _batches(queries.count):
            x_NCHW = queries.images(numbers)
            pixels.append(small(x_NCHW))
            features.append(self.extractor.features(x_NCHW)[1].cpu())
            progress(numbers.stop)
        count = min(RANKS, len(self.real))
        rows_MD = torch.cat(pixels)
        reals = (small(self.real.batch(numbers)) for numbers in _batches(len(self.real)))
        distances_MK, numbers_MK = nearest(rows_MD, reals, count)
        by_pixels = Neighbours(distances_MK / rows_MD.shape[1] ** 0.5, numbers_MK)
        return by_pixels, Neighbours(
            *nearest(torch.cat(features), torch.split(self.features_ND, 1024), count)
        )

    def shown(self, numbers: Sequence[int]) -> Pixels:
        """Those images to look at."""
        return np.asarray(to_uint8(self.real.batch(numbers)))


def small(x_NCHW: Tensor) -> Tensor:
    """Images in [-1, 1] -> values in [0, 1] of at most 32 × 32 pixels, averaged, in a row (N, D)."""
    x_NCHW = (x_NCHW + 1) / 2
    if x_NCHW.shape[-1] > SIDE:
        x_NCHW = F.interpolate(x_NCHW, size=(SIDE, SIDE), mode="area")
    return x_NCHW.flatten(1)


def neighbours(
    finished: FinishedTrial,
    sampler: Sampler,
    samples: int,
    progress: Callable[[int, int], None],
) -> Iterator[Figure]:
    """The samples that are nearest to training images, and how near all of them are, beside held-out images.

    Args:
        samples: generated samples that are measured; of held-out images as many, or all if there are fewer.
        progress: called with (images looked at, total).

    Raises:
        NothingToDraw: the data set or the classifier is not here.
    """
    root, config = finished.data(), cast(CodeGANConfig, finished.trial.config)
    classifier = finished.other(
        next(one for one in finished.trial.requires() if isinstance(one.config, ClassifierConfig))
    )
    train, test = (Images(root, config.data, split, 0) for split in ("train", "test"))
    training = TrainingImages(train, classifier)
    held_out = spread(samples, len(test))

    def drawn(numbers: Sequence[int]) -> Tensor:
        return sampler.images(sampler.noise(numbers))

    def tested(numbers: Sequence[int]) -> Tensor:
        return to_model(test.evaluation_batch([held_out[number] for number in numbers])[0])

    both = (Queries("samples", samples, drawn, 7), Queries("held-out images", len(held_out), tested, 3))
    found: dict[str, tuple[Neighbours, Neighbours]] = {}
    for queries, before in zip(both, (0, samples), strict=True):

        def advance(count: int, before: int = before) -> None:
            progress(before + count, samples + len(held_out))

        found[queries.name] = training.nearest_to(queries, advance)
    yield _sheet(training, both, found)
    yield _curves(training, found)


def _sheet(
    training: TrainingImages, both: Sequence[Queries], found: dict[str, tuple[Neighbours, Neighbours]]
) -> Sheet:
    """The samples nearest to a training image by features, then such held-out images, with their neighbours."""
    rows, texts = [], []
    for queries in both:
        by_pixels, by_features = found[queries.name]
        nearest_first = by_features.distances_MK[:, 0].argsort(stable=True).tolist()
        for number in nearest_first[: queries.rows]:
            near, alike = (by.numbers_MK[number, :SHOWN].tolist() for by in (by_pixels, by_features))
            own = np.asarray(to_uint8(queries.images([number])))
            gap = np.zeros_like(own)
            rows.append(np.concatenate([own, gap, training.shown(near), gap, training.shown(alike)]))
            distances = (by.distances_MK[number, 0].item() for by in (by_pixels, by_features))
            texts.append(
                "{} {}: {:.3f} | {:.3g}".format(queries.name.split()[0].removesuffix("s"), number, *distances)
            )
    samples, held_out = both
    caption = (
        f"Those {samples.rows} of {samples.count} samples that are nearest to a training image by features, and the "
        f"{held_out.rows} nearest of {held_out.count} held-out images. From left to right: the image, the {SHOWN} nearest "
        f"training images by pixels, the {SHOWN} nearest by the classifier's features. Before each row: the distances to "
        f"the nearest of each kind. {_verdicts(found)}"
    )
    return Sheet("neighbours", caption, np.stack(rows), texts)


def _verdicts(found: dict[str, tuple[Neighbours, Neighbours]]) -> str:
    """Number of samples that are suspiciously near."""
    parts = []
    for samples, held_out in zip(*found.values(), strict=True):
        near = held_out.distances_MK[:, 0].quantile(SUSPECT)
        parts.append((samples.distances_MK[:, 0] < near).double().mean().item())
    return (
        f"Nearer to a training image than the nearest {SUSPECT:.0%} of held-out images are {parts[0]:.1%} of the samples "
        f"by pixels, where blurred ones are near whatever they show, and {parts[1]:.1%} by features."
    )


def _curves(training: TrainingImages, found: dict[str, tuple[Neighbours, Neighbours]]) -> Curves:
    places = (
        (f"pixels, at most {SIDE} × {SIDE}", "RMS of values in [0, 1]"),
        (f"features of {training.extractor.name}", "Euclidean distance"),
    )
    panels = []
    for at, (title, unit) in enumerate(places):
        lines = {name: Line.of(both[at].distances_MK.numpy()) for name, both in found.items()}
        ranks = range(1, 1 + min(len(line.mean) for line in lines.values()))
        panels.append(LinePanel(title, unit, "nearest", ranks, lines))
    return Curves(
        "memorisation",
        "Distances to the nearest training images, mirrored ones too, by rank, beside those of held-out images; means "
        "with 95% intervals.",
        panels,
    )


def _batches(count: int) -> list[range]:
    return [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
