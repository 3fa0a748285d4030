"""A trial that trains nothing: an autoencoder that was brought, and how images of the data set at hand come back from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from safetensors.torch import load_file

from retable.evaluation.pretrained_learner import PretrainedLearner
from retable.trial.distributed import Workers
from retable.trial.learner import Best, Score
from trainables.code_gan.autoencoder.pretrained import PretrainedAutoencoder
from trainables.code_gan.autoencoder.reconstruction import HeldOut, reconstruction_scores

PARTS = ("encoder", "decoder")


class PretrainedAutoencoderLearner(PretrainedLearner):
    """F and H as they were brought.

    Args:
        folder: the trial's, into which the driver put the file.
        images: test images that reconstructions are scored on.

    Raises:
        FileNotFoundError: the driver put no file there.
        ValueError: the file there is another one.
    """

    best: ClassVar[Best] = Best("mse01", "min")

    def __init__(
        self, config: PretrainedAutoencoder, folder: Path, workers: Workers, images: HeldOut
    ) -> None:
        super().__init__(folder, "--encoder")
        self.config, self.workers, self.images = config, workers, images
        tensors = load_file(self.file, device=str(workers.device))
        self._state = {
            part: {
                name.removeprefix(f"{part}."): tensor
                for name, tensor in tensors.items()
                if name.startswith(f"{part}.")
            }
            for part in PARTS
        }
        self.codec = config.codec(self._state)
        self.check(self.codec.weights, config.weights)

    def _measured(self) -> Mapping[str, Score]:
        """MSE and PSNR of test images."""
        config, codec = self.config, self.codec
        return reconstruction_scores(
            lambda x_NCHW, _: codec.decode(codec.encode(x_NCHW)),
            self.images,
            config.scored,
            config.data.size,
            self.workers,
        )

    def state(self) -> dict[str, Any]:
        """The weights."""
        return dict(self._state)
