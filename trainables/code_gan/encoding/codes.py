"""Training batches of stage 2: codes after acceleration, images before it.

`Codes` is the seam: whatever gives the batch of an iteration by the samples' indices in it can stand behind the learner.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from retable.data.samples.array_store import StoredArrays
from retable.data.samples.pixels import to_model
from retable.data.samples.split import BATCHES
from trainables.code_gan.stages.images import TrainingImages


class Codes(Protocol):
    """Training samples of stage 2. Which one a sample is depends on (seed, iteration, index) alone."""

    def batch(self, iteration: int, indices: Sequence[int]) -> Tensor:
        """Samples of that batch by their indices in it: float32 (N, C, h, w) in [-1, 1], on any device."""
        ...


class UnencodedImages:
    """Images as they are: what the image GAN learns."""

    def __init__(self, images: TrainingImages, device: torch.device) -> None:
        self.images, self.device = images, device

    def batch(self, iteration: int, indices: Sequence[int]) -> Tensor:
        images, _ = self.images.batch(iteration, indices)
        return to_model(images.to(self.device))


class RandomDraws(Protocol):
    """The part of `retable.data.samples.images.Images` that draws an image for a sample."""

    def drawn(self, iteration: int, index: int) -> tuple[int, bool]:
        """Its number, and whether it is mirrored."""
        ...


class StoredCodes:
    """Codes of the images that the trial draws, mirrored or not, read from the disk.

    Args:
        codes: as `trainables.code_gan.encoding.learner` numbers them.
        images: they are of; those of the trial, with its seed.
        copies: codes of each image: 2 where its mirror image has one too, else 1.
    """

    def __init__(self, codes: StoredArrays, images: RandomDraws, copies: int) -> None:
        self.codes, self.images, self.copies = codes, images, copies

    def batch(self, iteration: int, indices: Sequence[int]) -> Tensor:
        with BATCHES.counted():
            drawn = [self.images.drawn(iteration, index) for index in indices]
            numbers = [number * self.copies + flip for number, flip in drawn]
            return torch.from_numpy(self.codes.stacked(numbers).astype(np.float32))
