"""From noise to images: the averaged generator and, after acceleration, the decoder behind it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from retable.data.samples.pixels import to_uint8
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.networks import build_generator

PREVIEW = 36
PREVIEW_BATCH = 4


class Synthesis:
    """Images of a generator that is not learning just now.

    Args:
        generator: of codes, or of images.
        codec: decodes what is generated; None where that is images.
    """

    def __init__(self, generator: nn.Module, codec: Codec | None) -> None:
        self.generator, self.codec = generator, codec

    @classmethod
    def of(
        cls, config: CodeGANConfig, state: Mapping[str, Any], codec: Codec | None, device: torch.device
    ) -> Self:
        """Return the synthesis of a learner's state, on the device."""
        generator = build_generator(config.shape).eval().requires_grad_(requires_grad=False)
        generator.load_state_dict(state["average"])
        return cls(generator.to(device), codec and codec.to(device))

    @torch.no_grad()
    def __call__(self, z_NZ: Tensor) -> Tensor:
        """Noise (N, z_dim) -> images (N, 3, S, S) in [-1, 1]."""
        generated_NCHW: Tensor = self.generator(z_NZ)
        return generated_NCHW if self.codec is None else self.codec.decode(generated_NCHW)


def preview(generate: Callable[[Sequence[int]], Tensor]) -> np.ndarray:
    """36 images to look at, uint8 (36, 1, 3, S, S).

    Args:
        generate: global sample indices -> images (n, 3, S, S) in [-1, 1].
    """
    starts = range(0, PREVIEW, PREVIEW_BATCH)
    batches = [generate(range(start, start + PREVIEW_BATCH)) for start in starts]
    return torch.cat([to_uint8(batch).cpu() for batch in batches]).numpy()[:, None]
