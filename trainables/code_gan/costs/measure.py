"""Time of an iteration of stage 2 on this machine: the learner's own step, on samples that cost nothing to read."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retable.trial.distributed import Workers
from retable.trial.learner import Score
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.autoencoder.network import build_autoencoder
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.learner import CodeGANLearner
from trainables.code_gan.stages.channels import Stage2

STEPS = 20
"""Timed, after a few that are not: compilers, allocators and caches are cold then."""
WARM_UP = 3


@dataclass(frozen=True)
class Measured:
    """Timed iterations.

    Attributes:
        seconds: of an iteration, the mean over all that were timed.
        images: real ones that an iteration is fed: its batch, n_critic times.
        steps: how many iterations were timed.
    """

    seconds: float
    images: int
    steps: int

    def epoch(self, images: int = 30_000) -> float:
        """Seconds for so many images, extrapolated."""
        return self.seconds * images / self.images


class SameCodes:
    """One batch of noise in the range of codes and images, already where it is needed."""

    def __init__(self, shape: Stage2, samples: int, device: torch.device) -> None:
        size = samples, shape.channels, shape.resolution, shape.resolution
        self.samples_NCHW = torch.rand(size, device=device) * 2 - 1

    def batch(self, iteration: int, indices: Sequence[int]) -> Tensor:
        """The first of them."""
        return self.samples_NCHW[: len(indices)]


class NoScorer:
    """Samples are not scored here."""

    def scores(self, generate: Callable[[Sequence[int], int], Tensor], *, final: bool) -> Mapping[str, Score]:
        """Nothing."""
        return {}


def device() -> torch.device:
    """Device to measure: the first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def measure(config: CodeGANConfig, on: torch.device, steps: int = STEPS) -> Measured:
    """Time iterations of that config: discriminator and generator with Adam and the average.

    Encoding and decoding are not in it: codes are computed once, and samples are decoded to be looked at.

    Raises:
        ValueError: there are too few steps.
    """
    if steps < STEPS:
        raise ValueError(f"an epoch is extrapolated from at least {STEPS} steps, but got {steps}")
    torch.set_flush_denormal(True)  # as training does
    try:
        return _measured(config.canonical(), on, steps)
    finally:
        torch.set_flush_denormal(False)


def _measured(config: CodeGANConfig, on: torch.device, steps: int) -> Measured:
    model = CodeGANLearner(
        config,
        0,
        Workers(device=on),
        codes=SameCodes(config.shape, config.batch_size, on),
        codec=_codec(config),
        scorer=NoScorer(),
    )
    for at in range(WARM_UP):
        model.step(at)
    _wait(on)
    start = time.perf_counter()
    for at in range(WARM_UP, WARM_UP + steps):
        model.step(at)
    _wait(on)
    seconds = (time.perf_counter() - start) / steps
    return Measured(seconds, config.batch_size * config.n_critic, steps)


def _codec(config: CodeGANConfig) -> Codec | None:
    """Never called: no sample is taken."""
    if config.encoder is None:
        return None
    encoder = config.encoder
    network = build_autoencoder(encoder.code_divisor, encoder.code_channels, encoder.width)
    return Codec(network.encoder, network.decoder)


def _wait(on: torch.device) -> None:
    if on.type == "cuda":
        torch.cuda.synchronize(on)
