"""The family at each scale: a paper's config made smaller, for machines without days and GPUs. No torch.

Resolutions are divided by four at smoke and toy scale: the paper's 256, 512 and 1024 become 64, 128 and 256. The 128 of
stage 1 becomes 32 at smoke and 64 at toy scale: learnt at 32 pixels, codes of h/16 are 2 × 2 and all border, and the larger
the image, the worse they are. What is compared (before and after, code divisors and channels, α, λ, n_critic) and batches stay.
The classifier stays too: an evaluation's is the study's to choose.
"""

from dataclasses import dataclass, replace
from typing import cast

from retable.evaluation.config import ImageEvaluation
from retable.trial.config import C, TrialConfig
from retable.trial.scoring import ScoringConfig
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.reconstruction.config import ReconstructionConfig

SHRINK = 4
ENCODER_SNAPSHOTS = 4


@dataclass(frozen=True, kw_only=True)
class Size:
    """Settings of a scale. Widths are those of the widest layers.

    A GAN's snapshots are so many that one of the image GAN's lies near the end of the code GAN's training, which is
    several times as fast.
    """

    encoder_shrink: int
    encoder_iterations: int
    encoder_width: int
    encoder_lr: float
    scored: int
    gan_iterations: int
    gan_width: int
    gan_lr: float
    z_dim: int
    ema: float
    samples: int
    snapshot_samples: int
    repeats: int
    snapshots: int


SMOKE = Size(
    encoder_shrink=SHRINK,
    encoder_iterations=60,
    encoder_width=8,
    encoder_lr=2e-3,
    scored=64,
    gan_iterations=24,
    gan_width=16,
    gan_lr=1e-3,
    z_dim=32,
    ema=0.9,
    samples=128,
    snapshot_samples=64,
    repeats=2,
    snapshots=4,
)
TOY = Size(
    encoder_shrink=2,
    encoder_iterations=2_000,
    encoder_width=16,
    encoder_lr=1e-3,
    scored=256,
    gan_iterations=4_000,
    gan_width=32,
    gan_lr=4e-4,
    z_dim=64,
    ema=0.99,
    samples=2_048,
    snapshot_samples=512,
    repeats=3,
    snapshots=40,
)


def smoke(config: C) -> C:
    """Minutes for a table on two cores: proves the path, learns next to nothing."""
    return cast(C, _at(SMOKE, config))


def toy(config: C) -> C:
    """Hours for a table on two cores."""
    return cast(C, _at(TOY, config))


def paper(config: C) -> C:
    """The paper's own size."""
    return config


def _at(size: Size, config: TrialConfig) -> TrialConfig:
    """A config of the same class."""
    if isinstance(config, AutoencoderConfig):
        return _autoencoder(size, config)
    if isinstance(config, ReconstructionConfig):
        return replace(config, of=_autoencoder(size, config.of), resolution=config.resolution // SHRINK)
    if isinstance(config, CodeGANConfig):
        return _gan(size, config)
    if isinstance(config, ScoringConfig):
        return replace(config, of=_at(size, config.of))
    raise TypeError(
        f"expected the config of a code-GAN or of its autoencoder, but got {type(config).__name__}"
    )


def _autoencoder(size: Size, config: AutoencoderConfig) -> AutoencoderConfig:
    return replace(
        config,
        iterations=size.encoder_iterations,
        snapshot_every=size.encoder_iterations // ENCODER_SNAPSHOTS,
        width=size.encoder_width,
        d_width=size.encoder_width,
        lr=size.encoder_lr,
        data=replace(config.data, size=config.data.size // size.encoder_shrink),
        scored=size.scored,
    )


def _gan(size: Size, config: CodeGANConfig) -> CodeGANConfig:
    resolution = config.resolution // SHRINK
    return replace(
        config,
        iterations=size.gan_iterations,
        snapshot_every=size.gan_iterations // size.snapshots,
        # A pretrained one has its own size.
        encoder=_autoencoder(size, config.encoder)
        if isinstance(config.encoder, AutoencoderConfig)
        else config.encoder,
        resolution=resolution,
        z_dim=size.z_dim,
        width=size.gan_width,
        ema=size.ema,
        lr=size.gan_lr,
        data=replace(config.data, size=resolution),
        evaluation=_evaluation(size, config.evaluation),
    )


def _evaluation(size: Size, evaluation: ImageEvaluation) -> ImageEvaluation:
    return replace(
        evaluation,
        samples=size.samples,
        repeats=size.repeats,
        snapshot_samples=size.snapshot_samples,
        real_passes=1,
    )
