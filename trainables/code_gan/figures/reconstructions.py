"""Figure 4: test images, what comes back from their codes, and the errors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from retable.data.decode.errors import DataError
from retable.data.decode.spec import ImageSpec
from retable.data.samples.images import Images
from retable.data.samples.pixels import to_model, to_uint8
from retable.data.samples.split import spread
from retable.figures.kinds import Sheet
from retable.trial.figures import Figure, FinishedTrial, Progress
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.autoencoder.config import AutoencoderConfig

SHOWN = 6
LARGER = 4
"""Times as large as in training are the paper's 512 × 512 images in Figure 4."""
AMPLIFIED = 4
"""By how much errors are, to be seen."""
ERRORS = (
    f"{SHOWN} test images, spread over the split; below each reconstruction its absolute error, {AMPLIFIED} times as "
    "bright. MSE is of values in [0, 1], over the images shown."
)


def reconstructions(finished: FinishedTrial, samples: int, progress: Progress) -> Iterator[Figure]:
    """Reconstructions of one autoencoder, at the size of its training.

    Raises:
        NothingToDraw: the data set is not here.
    """
    del samples, progress  # nothing is generated
    size = _config(finished).data.size
    yield Sheet(
        "reconstructions",
        f"Reconstructions at {size} × {size}, the size of the training. {ERRORS}",
        *_rows(_test_images(finished, size), {_code(finished): finished}),
    )


def by_code_size(finished: Sequence[FinishedTrial], progress: Progress) -> Iterator[Figure]:
    """Reconstructions of several autoencoders of the same images and seed, from large codes to small ones.

    Images are four times as large as in training, as the paper's, or as in training where the files are too small.

    Raises:
        NothingToDraw: the data set is not here.
    """
    del progress
    groups: dict[tuple[ImageSpec, int], list[FinishedTrial]] = {}
    for one in sorted(finished, key=lambda one: _config(one).code_divisor):
        groups.setdefault((_config(one).data, one.trial.seed), []).append(one)
    for number, several in enumerate((group for group in groups.values() if len(group) > 1), start=1):
        trained = _config(several[0]).data.size
        size = trained * LARGER
        try:
            x_NCHW = _test_images(several[0], size)
        except DataError:
            size = trained
            x_NCHW = _test_images(several[0], size)
        names = [_code(one) for one in several]
        codes = {
            name if names.count(name) == 1 else f"{name}, {one.trial.signature[:6]}": one
            for name, one in zip(names, several, strict=True)
        }
        trials = ", ".join(
            f"{name} is {one.trial.signature} at iteration {one.iteration:,}" for name, one in codes.items()
        )
        yield Sheet(
            "reconstructions" if number == 1 else f"reconstructions_{number}",
            f"Figure 4: {size} × {size} images through codes of several sizes, learnt at {trained} × {trained}. {ERRORS} "
            f"Trials: {trials}.",
            *_rows(x_NCHW, codes),
        )


def _rows(x_NCHW: Tensor, codes: Mapping[str, FinishedTrial]) -> tuple[np.ndarray, list[str]]:
    """Stills (rows, N, 3, S, S), the originals first, and what stands before each row."""
    rows, texts = [to_uint8(x_NCHW)], ["input"]
    for name, finished in codes.items():
        codec = Codec.of(_config(finished), finished.state()).to(finished.device)
        y_NCHW = _reconstructed(codec, x_NCHW, finished.device)
        error_NCHW = (y_NCHW - x_NCHW).abs() / 2
        rows += [to_uint8(y_NCHW), (error_NCHW * AMPLIFIED * 255).round().clamp(0, 255).to(torch.uint8)]
        texts += [f"{name}: MSE {error_NCHW.square().mean().item():.2g}", f"error × {AMPLIFIED}"]
    return torch.stack(rows).numpy(), texts


def _reconstructed(codec: Codec, x_NCHW: Tensor, device: torch.device) -> Tensor:
    """One after the other: what is decoded may be large."""
    return torch.cat([codec.decode(codec.encode(x[None].to(device))).cpu() for x in x_NCHW])


def _test_images(finished: FinishedTrial, size: int) -> Tensor:
    """Images (N, 3, size, size) in [-1, 1]."""
    images = Images(finished.data(), replace(_config(finished).data, size=size), "test", 0)
    return to_model(images.evaluation_batch(spread(SHOWN, len(images)))[0])


def _code(finished: FinishedTrial) -> str:
    config = _config(finished)
    return f"h/{config.code_divisor} × {config.code_channels}"


def _config(finished: FinishedTrial) -> AutoencoderConfig:
    return cast(AutoencoderConfig, finished.trial.config)
