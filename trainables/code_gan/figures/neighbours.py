"""Does a GAN repeat its training images? Its samples' nearest neighbours among them, beside those of held-out images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from retable.data.images import Images
from retable.data.pixels import to_model, to_uint8
from retable.ddp import Workers
from retable.figures.finished import Finished
from retable.figures.kinds import Curves, Figure, Sheet
from retable.metrics.features import ClassifierConfig, FeatureExtractor
from retable.metrics.neighbours import nearest
from retable.metrics.real import RealImages, real_features
from retable.pictures import Pixels
from retable.report.lines import Line, LinePanel
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.figures.sampler import Sampler

RANKS = 5
"""Neighbours measured."""
SHOWN = 3
"""Neighbours shown of each kind."""
SAMPLES, HELD_OUT = 7, 3
"""Rows of samples, and of held-out images."""
SIDE = 32
"""Pixels are compared at this size at most: finer ones differ wherever something has moved a little."""
BATCH = 16
SUSPECT = 0.05
"""The part of held-out images that is nearer to a training image than the rest: what a sample is held against."""


@dataclass(frozen=True)
class Neighbours:
    """Of each query the nearest training images.

    Attributes:
        distances_MK: rising.
        numbers_MK: of the images, mirrored ones after the others.
    """

    distances_MK: Tensor
    numbers_MK: Tensor


class TrainingImages:
    """What samples are compared with: every training image, and its mirror image if training mirrors them.

    Args:
        judge: the classifier whose features are compared.
    """

    def __init__(self, images: Images, judge: Finished) -> None:
        self.real = RealImages(images, 2 if images.spec.flip else 1)
        self.extractor = FeatureExtractor.load(judge.folder, judge.trial.config, judge.device)
        self.features_ND = real_features(
            self.extractor, self.real, judge.folder, Workers(0, 1, judge.device), BATCH
        )

    def in_pixels(self, x_MCHW: Tensor) -> Neighbours:
        """By the root mean square of differences of values in [0, 1]."""
        batches = (small(self.real.batch(numbers)) for numbers in _batches(len(self.real)))
        queries_MD = small(x_MCHW)
        distances_MK, numbers_MK = nearest(queries_MD, batches, self._ranks)
        return Neighbours(distances_MK / queries_MD.shape[1] ** 0.5, numbers_MK)

    def in_features(self, x_MCHW: Tensor) -> Neighbours:
        """By the Euclidean distance of features."""
        parts = [self.extractor.features(part)[1].cpu() for part in torch.split(x_MCHW, BATCH)]
        return Neighbours(*nearest(torch.cat(parts), torch.split(self.features_ND, 1024), self._ranks))

    def shown(self, numbers: Sequence[int]) -> Pixels:
        """Those images to look at."""
        return np.asarray(to_uint8(self.real.batch(numbers)))

    @property
    def _ranks(self) -> int:
        return min(RANKS, len(self.real))


def small(x_NCHW: Tensor) -> Tensor:
    """Images in [-1, 1] -> values in [0, 1] of at most 32 × 32 pixels, averaged, in a row (N, D)."""
    x_NCHW = (x_NCHW + 1) / 2
    if x_NCHW.shape[-1] > SIDE:
        x_NCHW = F.interpolate(x_NCHW, size=(SIDE, SIDE), mode="area")
    return x_NCHW.flatten(1)


def neighbours(
    config: CodeGANConfig,
    finished: Finished,
    sampler: Sampler,
    samples: int,
    progress: Callable[[int, int], None],
) -> Iterator[Figure]:
    """The samples that are nearest to training images, and how near all of them are, beside held-out images.

    Args:
        samples: generated samples that are measured; of held-out images as many, or all if there are fewer.

    Raises:
        NothingToDraw: the data set or the classifier is not here.
    """
    root = finished.data()
    judge = finished.other(
        next(one for one in finished.trial.requires() if isinstance(one.config, ClassifierConfig))
    )
    train, test = (Images(root, config.data, split, 0) for split in ("train", "test"))
    training = TrainingImages(train, judge)
    count = min(samples, len(test))
    chosen = [number * len(test) // count for number in range(count)]
    queries = {
        "samples": sampler.images(sampler.noise(range(samples))),
        "held-out images": to_model(test.evaluation_batch(chosen)[0]),
    }
    pixels, features = {}, {}
    for done, (whose, x_NCHW) in enumerate(queries.items(), start=1):
        pixels[whose], features[whose] = training.in_pixels(x_NCHW), training.in_features(x_NCHW)
        progress(done, len(queries))
    yield _sheet(training, queries, pixels, features)
    yield Curves(
        "memorisation",
        "Distances to the nearest training images, mirrored ones too, by rank, beside those of held-out images; means "
        "with 95% intervals.",
        [
            LinePanel(
                title, unit, "nearest", range(1, RANKS + 1), {whose: _line(of) for whose, of in found.items()}
            )
            for title, unit, found in (
                (f"pixels, at most {SIDE} × {SIDE}", "RMS of values in [0, 1]", pixels),
                (f"features of {training.extractor.name}", "Euclidean distance", features),
            )
        ],
    )


def _sheet(
    training: TrainingImages,
    queries: dict[str, Tensor],
    pixels: dict[str, Neighbours],
    features: dict[str, Neighbours],
) -> Sheet:
    """The samples nearest to a training image by features, then such held-out images, with their neighbours."""
    rows, texts = [], []
    for (whose, x_NCHW), count in zip(queries.items(), (SAMPLES, HELD_OUT), strict=True):
        nearest_first = features[whose].distances_MK[:, 0].argsort(stable=True).tolist()
        for number in nearest_first[:count]:
            near, alike = (found[whose].numbers_MK[number, :SHOWN].tolist() for found in (pixels, features))
            own = np.asarray(to_uint8(x_NCHW[number : number + 1]))
            gap = np.zeros_like(own)
            rows.append(np.concatenate([own, gap, training.shown(near), gap, training.shown(alike)]))
            distances = (found[whose].distances_MK[number, 0].item() for found in (pixels, features))
            kind = "sample" if whose == "samples" else "held out"
            texts.append("{} {}: {:.3f} | {:.3g}".format(kind, number, *distances))
    caption = (
        f"Those {SAMPLES} of {len(queries['samples'])} samples that are nearest to a training image by features, and the "
        f"{HELD_OUT} nearest of {len(queries['held-out images'])} held-out images. From left to right: the image, the "
        f"{SHOWN} nearest training images by pixels, the {SHOWN} nearest by the classifier's features. Before each row: "
        f"the distances to the nearest of each kind. {_verdict('pixels', pixels)} {_verdict('features', features)}"
    )
    return Sheet("neighbours", caption, np.stack(rows), texts)


def _verdict(what: str, found: dict[str, Neighbours]) -> str:
    """How many samples are suspiciously near."""
    samples, held_out = (found[whose].distances_MK[:, 0] for whose in ("samples", "held-out images"))
    part = (samples < held_out.quantile(SUSPECT)).double().mean().item()
    return (
        f"By {what} {part:.1%} of the samples are nearer to a training image than the nearest {SUSPECT:.0%} of held-out "
        "images are."
    )


def _line(found: Neighbours) -> Line:
    return Line.of(found.distances_MK.numpy())


def _batches(count: int) -> list[range]:
    return [range(start, min(start + 256, count)) for start in range(0, count, 256)]
