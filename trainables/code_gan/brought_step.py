"""A trial that trains nothing: an autoencoder that was brought, and how images of the data set at hand come back from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from safetensors.torch import load_file
from torch import Tensor

from retable.ddp import Workers
from retable.metrics.brought import FILE
from retable.run import Best, Score
from trainables.code_gan.brought import BroughtAutoencoder
from trainables.code_gan.reconstruction import HeldOut, reconstruction_scores

PARTS = ("encoder", "decoder")


class BroughtAutoencoderLearner:
    """Fits the loop like any learner, so that what was brought is checked, scored and kept like what was trained.

    Args:
        folder: the trial's, into which the driver put the file.
        images: test images that reconstructions are scored on.

    Raises:
        FileNotFoundError: the driver put no file there.
        ValueError: the file there is another one.
    """

    best: ClassVar[Best] = Best("mse01", "min")

    def __init__(self, config: BroughtAutoencoder, folder: Path, workers: Workers, images: HeldOut) -> None:
        self.config, self.workers, self.images = config, workers, images
        self._scores: Mapping[str, Score] = {}
        path = folder / FILE
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing; give the file with --encoder FILE again")
        tensors = load_file(path, device=str(workers.device))
        self._state = {
            part: {
                name.removeprefix(f"{part}."): tensor
                for name, tensor in tensors.items()
                if name.startswith(f"{part}.")
            }
            for part in PARTS
        }
        self.codec = config.codec(self._state)
        if self.codec.weights != config.weights:
            raise ValueError(
                f"{path} must have the weights {config.weights[:12]}…, but has {self.codec.weights[:12]}…; delete it and "
                "run the same command again"
            )

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """Nothing: the weights stay as they were brought."""
        return {}

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """MSE and PSNR of test images. They are taken once."""
        del iteration, final
        config, codec = self.config, self.codec
        self._scores = self._scores or reconstruction_scores(
            lambda x_NCHW, _: codec.decode(codec.encode(x_NCHW)),
            self.images,
            config.scored,
            config.data.size,
            self.workers,
        )
        return self._scores

    def samples(self) -> np.ndarray | None:
        """Nothing that its GANs' codes don't show better."""
        return None

    def state(self) -> dict[str, Any]:
        """The weights."""
        return dict(self._state)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Nothing: every state of the trial has the weights of the file."""
