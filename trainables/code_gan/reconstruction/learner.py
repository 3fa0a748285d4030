"""Scores of a trained autoencoder on images of another size."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from torch import Tensor

from retable.data.samples.images import Images
from retable.trial.distributed import Workers
from retable.trial.learner import Score
from retable.trial.run import Run
from retable.trial.scoring import Scoring
from trainables.code_gan.autoencoder.codec import Codec, trained_codec
from trainables.code_gan.autoencoder.scores import beside, reconstruction_scores
from trainables.code_gan.reconstruction.config import ReconstructionConfig
from trainables.code_gan.stages.images import HeldOutImages

PREVIEW = 6
"""Images to look at, each with its reconstruction beside it: Figure 4 of the paper."""


class Reconstruction(Scoring):
    """Scores of reconstructions at the config's size.

    Args:
        codec: of the trained autoencoder.
        images: the test split, of that size.
    """

    def __init__(
        self, config: ReconstructionConfig, workers: Workers, *, codec: Codec, images: HeldOutImages
    ) -> None:
        self.config, self.workers, self.codec, self.images = config, workers, codec, images

    @classmethod
    def of(cls, config: ReconstructionConfig, seed: int, run: Run, workers: Workers) -> Self:
        """Return the learner over the autoencoder that was trained with this seed."""
        codec = trained_codec(config.of, seed, run, workers.device)
        return cls(config, workers, codec=codec, images=Images(run.data, config.data, "test", seed))

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """MSE in both ranges of values, PSNR, and what rounding codes to float16, as they are stored, does to the MSE."""
        del iteration, final
        return reconstruction_scores(
            self._reconstruct,
            self.images,
            self.config.of.scored,
            self.config.resolution,
            self.workers,
            rounded=lambda x_NCHW, _: self.codec.decode(self.codec.encode(x_NCHW).half().float()),
        )

    def samples(self) -> np.ndarray:
        """Test images and their reconstructions by turns, uint8 (N, 1, 3, S, S)."""
        return beside(self._reconstruct, self.images, PREVIEW, self.workers.device)

    def _reconstruct(self, x_NCHW: Tensor, numbers: Sequence[int]) -> Tensor:
        del numbers
        return self.codec.decode(self.codec.encode(x_NCHW))
