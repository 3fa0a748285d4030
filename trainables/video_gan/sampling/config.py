"""Configs of a trained TGANv2 that is sampled another way, and of real clips in its place. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from retable.evaluation.config import Evaluation
from retable.trial.config import TrialConfig
from retable.trial.identity import Label
from retable.trial.scoring import ScoringConfig
from trainables.video_gan.config import VideoGANConfig


@dataclass(frozen=True, kw_only=True)
class SamplingConfig(ScoringConfig):
    """The best snapshot of a trained model, generating dense videos.

    Attributes:
        of: the trained model, with this trial's seed.
        truncation: τ in (0, 1], by which z's range is narrowed to [-τ, τ]; the batch norms then normalise by standing
            statistics, collected at that τ. None: the whole range, and the running statistics of training.
        standing: samples that standing statistics are collected from.
        frames: length of the generated videos, of which the last are scored, as many as the classifier takes. None:
            `of.frames`.
        level: whose rendering block is scored (§5.6); lower ones have a lower resolution.
        evaluation: how they are scored. None: as `of` is.
    """

    trainable: ClassVar[str] = "video_gan_sampling"
    learner: ClassVar[str] = "trainables.video_gan.sampling.learner:VideoGANSampler"
    of: VideoGANConfig
    truncation: float | None = None
    standing: int = 512
    frames: int | None = None
    level: int = 4
    evaluation: Evaluation | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.truncation is not None and not 0 < self.truncation <= 1:
            raise ValueError(f"truncation must be in (0, 1], or None, but got {self.truncation}")
        if self.standing < 2:
            raise ValueError(f"standing must be at least 2 samples, but got {self.standing}")
        if self.frames is not None and self.frames < self.of.frames:
            raise ValueError(
                f"frames must be at least the {self.of.frames} that are scored, but got {self.frames}"
            )
        if self.level not in self.of.levels:
            raise ValueError(f"level must be one of the trained {self.of.levels}, but got {self.level}")

    @property
    def protocol(self) -> Evaluation:
        """Protocol of the evaluation; only a conditional model has labels."""
        evaluation = self.of.evaluation if self.evaluation is None else self.evaluation
        return evaluation if self.of.conditional else replace(evaluation, labels="frequency")

    def canonical(self) -> Self:
        of = self.of.canonical()
        classifier = self.protocol.classifier.canonical()
        return replace(
            self,
            of=of,
            standing=512 if self.truncation is None else self.standing,
            frames=None if self.frames == of.frames else self.frames,
            evaluation=replace(self.protocol, classifier=classifier),
        )

    def labels(self) -> Mapping[str, Label]:
        """Those of the trained model, and how it is sampled; `truncation` is ``none`` for the whole range."""
        return {
            **self.of.labels(),
            "truncation": "none" if self.truncation is None else self.truncation,
            "frames": self.frames or self.of.frames,
            "level": self.level,
        }

    def requires(self) -> tuple[TrialConfig, ...]:
        """The classifier behind IS and FID."""
        return (self.protocol.classifier,)

    def with_classifier(self, file: Path) -> Self:
        """Return a copy in which both trials are evaluated with the pretrained classifier."""
        own = None if self.evaluation is None else self.evaluation.with_classifier(file)
        return replace(self, of=self.of.with_classifier(file), evaluation=own)


@dataclass(frozen=True, kw_only=True)
class RealClipsConfig(ScoringConfig):
    """Real held-out clips, scored as generated ones are: the score of a perfect generator.

    Attributes:
        of: whose clips and evaluation. Nothing is trained for it.
    """

    trainable: ClassVar[str] = "real_clips"
    learner: ClassVar[str] = "trainables.video_gan.sampling.learner:RealClips"
    of: VideoGANConfig

    def canonical(self) -> Self:
        """One config for all models that share clips and evaluation."""
        of = self.of.canonical()
        evaluation = replace(of.evaluation, labels="frequency")
        blank = VideoGANConfig(
            frames=of.frames, resolution=of.resolution, data=of.data, evaluation=evaluation
        )
        return replace(self, of=blank.canonical())

    def requires(self) -> tuple[TrialConfig, ...]:
        """The classifier behind IS and FID."""
        return (self.of.evaluation.classifier,)

    def follows(self) -> tuple[TrialConfig, ...]:
        """Nothing: real clips need no model."""
        return ()
