"""Tiny configs of both stages, learners of them on images made of numbers alone, and their state as bits.

`ENCODER` and `GAN` are for tests that step a learner, `PLANNED_ENCODER` and `PLANNED_GAN`, which has a judge, for
those that train whole plans.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from retable.data.decode.spec import ImageSpec
from retable.evaluation.config import ImageEvaluation
from retable.trial.distributed import Workers
from retable.trial.learner import Score
from retable.trial.random import stream
from trainables.classifiers.c3d.config import C3DConfig
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.autoencoder.learner import AutoencoderLearner
from trainables.code_gan.autoencoder.network import build_autoencoder
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.encoding.codes import UnencodedImages
from trainables.code_gan.learner import CodeGANLearner
from trainables.code_gan.stages.images import TrainingImages

ENCODER = AutoencoderConfig(
    iterations=10,
    batch_size=4,
    snapshot_every=5,
    code_channels=3,
    width=2,
    d_width=2,
    lr=1e-3,
    adam_eps=1e-3,
    data=ImageSpec(size=16),
    scored=5,
)
GAN = CodeGANConfig(
    iterations=10,
    batch_size=4,
    snapshot_every=5,
    encoder=ENCODER,
    resolution=16,
    z_dim=5,
    width=4,
    lr=1e-3,
    adam_eps=1e-3,  # a bias has no gradient but rounding where its unit is on for every sample: Adam would blow it up
    ema=0.9,
    data=ImageSpec(size=16),
    evaluation=ImageEvaluation(classifier=C3DConfig()),
)
BEFORE = replace(GAN, accelerate=False)
PLANNED_ENCODER = AutoencoderConfig(
    iterations=2, batch_size=2, snapshot_every=2, width=2, d_width=2, data=ImageSpec(size=16), scored=6
)
JUDGE = ImageClassifierConfig(
    iterations=2, snapshot_every=2, batch_size=4, widths=(2, 4), features=3, data=ImageSpec(size=8)
)
PLANNED_GAN = CodeGANConfig(
    iterations=2,
    batch_size=2,
    snapshot_every=2,
    encoder=PLANNED_ENCODER,
    resolution=16,
    z_dim=3,
    width=4,
    data=ImageSpec(size=16),
    evaluation=ImageEvaluation(classifier=JUDGE, samples=8, repeats=2, snapshot_samples=6),
)


class NumberedImages:
    """Random pixels, keyed by iteration and global index."""

    fingerprint = "0123456789abcdef"

    def __len__(self) -> int:
        return 7

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        images = [stream(0, "image", iteration, i).integers(0, 256, (3, 16, 16), np.uint8) for i in indices]
        return torch.from_numpy(np.stack(images)), torch.zeros(len(images), dtype=torch.int64)

    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        return self.batch(999, indices)


class EncodedImages:
    """Images encoded when they are asked for, mirrored ones too: what stored codes are compared with."""

    def __init__(self, images: TrainingImages, codec: Codec, device: torch.device) -> None:
        self.plain, self.codec = UnencodedImages(images, device), codec

    def batch(self, iteration: int, indices: Sequence[int]) -> Tensor:
        return self.codec.encode(self.plain.batch(iteration, indices))


class MeanScorer:
    """Scores the mean pixel of four samples, under a name that is nobody's."""

    def scores(self, generate: Callable[[Sequence[int], int], Tensor], *, final: bool) -> Mapping[str, Score]:
        return {"mean": Score(float(generate(range(4), int(final)).mean()))}


def codec() -> Codec:
    torch.manual_seed(7)
    network = build_autoencoder(4, 3, 2)
    return Codec(network.encoder, network.decoder)


def gan_learner(config: CodeGANConfig, workers: Workers, seed: int = 0) -> CodeGANLearner:
    images, frozen = NumberedImages(), codec() if config.accelerate else None
    codes = (
        EncodedImages(images, frozen, workers.device) if frozen else UnencodedImages(images, workers.device)
    )
    return CodeGANLearner(config, seed, workers, codes=codes, codec=frozen, scorer=MeanScorer())


def encoder_learner(config: AutoencoderConfig, workers: Workers, seed: int = 0) -> AutoencoderLearner:
    images = NumberedImages()
    return AutoencoderLearner(config, seed, workers, train=images, test=images)


def learner(
    config: CodeGANConfig | AutoencoderConfig, workers: Workers | None = None, seed: int = 0
) -> CodeGANLearner | AutoencoderLearner:
    workers = workers or Workers()
    if isinstance(config, CodeGANConfig):
        return gan_learner(config, workers, seed)
    return encoder_learner(config, workers, seed)


def bits(model: CodeGANLearner | AutoencoderLearner) -> dict[str, bytes]:
    """Every tensor of its state."""
    return {name: value.numpy().tobytes() for name, value in _tensors(model.state(), "")}


def copied(state: object) -> object:
    """The same state in other memory."""
    if isinstance(state, Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {key: copied(value) for key, value in state.items()}
    return [copied(value) for value in state] if isinstance(state, list) else state


def _tensors(state: object, name: str) -> list[tuple[str, Tensor]]:
    if isinstance(state, Tensor):
        return [(name, state)]
    if isinstance(state, dict):
        return [pair for key, value in state.items() for pair in _tensors(value, f"{name}.{key}")]
    return []
