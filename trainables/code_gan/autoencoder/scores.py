"""Scores of reconstructions: MSE and PSNR; originals beside their reconstructions."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from retable.data.samples.pixels import to_model, to_uint8
from retable.data.samples.split import spread
from retable.metrics.protocol import Protocol
from retable.metrics.similarity import psnr
from retable.trial.distributed import Workers
from retable.trial.learner import Score
from trainables.code_gan.stages.images import HeldOutImages

BATCH = 8
"""Images reconstructed at once by a worker; changes no number beyond rounding."""


Reconstruct = Callable[[Tensor, Sequence[int]], Tensor]
"""Images (N, 3, S, S) in [-1, 1], and their numbers -> their reconstructions, alike."""


def reconstruction_scores(
    reconstruct: Reconstruct,
    images: HeldOutImages,
    scored: int,
    size: int,
    workers: Workers,
    *,
    split: str = "test",
    rounded: Reconstruct | None = None,
    dtype: str = "float16",
) -> Mapping[str, Score]:
    """Mean squared error in both ranges of values, and PSNR, by protocol name. Every rank calls it and gets the same.

    With `rounded` also by how many percent rounding the codes makes the error larger (or, if negative, smaller).

    The paper does not say in which range its error is: of values in [-1, 1] it is four times that in [0, 1].

    Args:
        reconstruct: gives reconstructions.
        images: that they are taken of.
        scored: of how many, evenly spaced; all where there are fewer.
        size: of the images, in pixels.
        split: the images' own.
        rounded: gives them from rounded codes, for a score of what that does to the error.
        dtype: type that `rounded` rounds codes to.

    Raises:
        FloatingPointError: a reconstruction was not finite.
    """
    chosen = spread(scored, len(images))
    share = workers.share(len(chosen))
    found = []
    for start in range(share.start, share.stop, BATCH):
        numbers = chosen[start : min(start + BATCH, share.stop)]
        originals, _ = images.evaluation_batch(numbers)
        x_NCHW = to_model(originals.to(workers.device))
        with torch.no_grad():
            y_NCHW = reconstruct(x_NCHW, numbers)
            rounded_NCHW = y_NCHW if rounded is None else rounded(x_NCHW, numbers)
        own = (_errors(y_NCHW, x_NCHW), psnr(y_NCHW, x_NCHW).double(), _errors(rounded_NCHW, x_NCHW))
        found.append(torch.stack(own, dim=1))
    empty = torch.zeros(0, 3, dtype=torch.float64, device=workers.device)
    means = workers.gather(torch.cat([empty, *found])).mean(dim=0).tolist()
    if not math.isfinite(means[0]):
        raise FloatingPointError("reconstructions must be finite; the autoencoder overflowed")
    values = {"mse01": means[0] / 4, "mse11": means[0], "psnr": means[1]}
    if rounded is not None:
        values["rounding"] = 100 * (means[2] - means[0]) / means[0]
    return {
        Protocol(
            family=family,
            samples=len(chosen),
            data=images.fingerprint[:6],
            resize=f"to{size}",
            split=split,
            codes=dtype if family == "rounding" else "",
        ).name: Score(value)
        for family, value in values.items()
    }


@torch.no_grad()
def beside(reconstruct: Reconstruct, images: HeldOutImages, count: int, device: torch.device) -> np.ndarray:
    """Originals and their reconstructions by turns, spread over the images: uint8 (N, 1, 3, S, S), N at most 2 · count."""
    chosen = spread(count, len(images))
    x_NCHW = to_model(images.evaluation_batch(chosen)[0].to(device))
    pairs = torch.stack([x_NCHW, reconstruct(x_NCHW, chosen)], dim=1).flatten(0, 1)
    return to_uint8(pairs).cpu().numpy()[:, None]


def _errors(y_NCHW: Tensor, x_NCHW: Tensor) -> Tensor:
    """The mean squared error of each image, float64 (N,)."""
    return (y_NCHW - x_NCHW).double().square().mean(dim=(1, 2, 3))
