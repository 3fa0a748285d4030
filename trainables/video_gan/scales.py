"""The family at each scale: a paper's config made smaller, for machines without days and GPUs. No torch."""

from collections.abc import Callable
from dataclasses import replace

from retable.data.decode.spec import ClipSpec
from retable.evaluation.config import Evaluation
from retable.trial.config import TrialConfig
from retable.trial.scoring import ScoringConfig
from trainables.classifiers.c3d.scales import SMALL
from trainables.video_gan.config import VideoGANConfig

EMBEDDED_CLASSES = 10


def smoke(config: VideoGANConfig) -> VideoGANConfig:
    """Minutes for a table: proves the path, learns next to nothing."""
    return replace(
        _small(config),
        iterations=24,
        snapshot_every=12,
        batch_size=max(config.batch_size // 2, 1),
        base_channels=4,
        clstm_channels=max(config.clstm_channels // 16, 1),
        d_channels=8,
        lr=4e-4,
        evaluation=Evaluation(
            classifier=SMALL,
            samples=128,
            repeats=2,
            snapshot_samples=64,
            real_passes=1,
            labels=config.evaluation.labels,
        ),
    )


def toy(config: VideoGANConfig) -> VideoGANConfig:
    """Hours for a table on a laptop: samples take on colours, shapes and motion."""
    return replace(
        _small(config),
        iterations=2_000,
        snapshot_every=500,
        base_channels=16,
        clstm_channels=max(config.clstm_channels // 8, 1),
        d_channels=16,
        lr=4e-4,
        evaluation=Evaluation(
            classifier=SMALL,
            samples=1024,
            repeats=5,
            snapshot_samples=512,
            real_passes=2,
            labels=config.evaluation.labels,
        ),
    )


def paper(config: VideoGANConfig) -> VideoGANConfig:
    """The paper's own size."""
    return config


def of_what_is_scored(
    shrink: Callable[[VideoGANConfig], VideoGANConfig],
) -> Callable[[TrialConfig], TrialConfig]:
    """Apply the same change to a model, and to the model inside a config that only scores it."""

    def changed(config: TrialConfig) -> TrialConfig:
        if isinstance(config, ScoringConfig):
            return replace(config, of=changed(config.of))
        if isinstance(config, VideoGANConfig):
            return shrink(config)
        raise TypeError(
            f"expected a video GAN's config or one that scores it, but got {type(config).__name__}"
        )

    return changed


def _small(config: VideoGANConfig) -> VideoGANConfig:
    """32 px and the embedded data set's classes; batches, frames, strides, losses and penalties stay the paper's."""
    data = ClipSpec(frames=config.frames, size=32, crop=config.data.crop, flip=config.data.flip)
    return replace(config, resolution=32, z_dim=64, classes=EMBEDDED_CLASSES, data=data)
