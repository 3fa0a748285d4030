"""Learners that score trained generators, and real images in their place."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from torch import Tensor

from retable.data.samples.images import Images
from retable.data.samples.pixels import to_model
from retable.store.trained import trained
from retable.trial.distributed import Workers
from retable.trial.learner import Best, Score
from retable.trial.run import Run
from retable.trial.scoring import Scoring
from retable.trial.trial import Trial
from trainables.code_gan.evaluators import decoder, evaluator
from trainables.code_gan.random_draws import noise
from trainables.code_gan.sampling.config import CodeSamplingConfig, RealImagesConfig
from trainables.code_gan.synthesis import PREVIEW, Synthesis, preview


class CodeGANSampler(Scoring):
    """A trained GAN that samples from truncated noise."""

    best: ClassVar[Best] = Best("fid", "min")

    def __init__(self, config: CodeSamplingConfig, seed: int, run: Run, workers: Workers) -> None:
        self.config, self.seed, self.run, self.workers = config, seed, run, workers
        of = Trial(config.of.canonical(), seed, run.fingerprint)
        state = trained(run.required(of.signature)).state(workers.device)
        codec = decoder(config.of, run, workers)
        self.synthesis = Synthesis.of(config.of, state, codec, workers.device)

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """Scores of images from the noise that the training's own evaluation has, truncated."""
        del iteration
        images = Images(self.run.data, self.config.of.data, "train", self.seed)
        return evaluator(self.config.of.evaluation, images, self.run, self.workers).scores(
            lambda indices, repeat: self._generate("evaluation-z", repeat, indices), final=final
        )

    def samples(self) -> np.ndarray:
        """36 images, uint8 (36, 1, 3, S, S)."""
        return preview(lambda indices: self._generate("preview-z", 0, indices))

    def _generate(self, purpose: str, position: int, indices: Sequence[int]) -> Tensor:
        config = self.config
        z_NZ = noise(self.seed, purpose, position, indices, config.of.z_dim, config.truncation, config.law)
        return self.synthesis(z_NZ.to(self.workers.device))


class RealImages(Scoring):
    """Random images of the test split in the place of generated ones.

    There are usually fewer of them than samples, so that they come several times. That is no matter for IS; FID and KID are
    those of so few images as there are, and so above what as many new ones would get; precision and recall count neighbours.
    """

    best: ClassVar[Best] = Best("fid", "min")

    def __init__(self, config: RealImagesConfig, seed: int, run: Run, workers: Workers) -> None:
        del seed  # the images are the same for every model
        self.of, self.run, self.workers = config.of, run, workers
        self.held_out = Images(run.data, self.of.data, "test", 0)

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """IS of held-out images, and their FID to the train split."""
        del iteration
        images = Images(self.run.data, self.of.data, "train", 0)
        return evaluator(self.of.evaluation, images, self.run, self.workers).scores(self._images, final=final)

    def samples(self) -> np.ndarray:
        """36 of them, uint8 (36, 1, 3, S, S)."""
        return self.held_out.batch(0, range(PREVIEW))[0].numpy()[:, None]

    def _images(self, indices: Sequence[int], repeat: int) -> Tensor:
        return to_model(self.held_out.batch(repeat, indices)[0].to(self.workers.device))
