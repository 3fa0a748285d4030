"""Configs of a trained code-GAN that is sampled from truncated noise, and of real images in its place. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

from retable.data.decode.spec import ImageSpec
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.identity import Label, option
from retable.trial.scoring import ScoringConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.parts.truncation import LAWS


@dataclass(frozen=True, kw_only=True)
class CodeSamplingConfig(ScoringConfig):
    """The best snapshot of a trained GAN; it has no batch norm whose statistics would depend on the noise.

    Attributes:
        of: the trained model, with this trial's seed.
        truncation: τ > 0, beyond which no coordinate of z is. None: the whole range, as in the training's own evaluation.
        law: how z is kept within it (`trainables.parts.truncation`).
    """

    trainable: ClassVar[str] = "code_gan_sampling"
    learner: ClassVar[str] = "trainables.code_gan.sampling.learner:CodeGANSampler"
    of: CodeGANConfig
    truncation: float | None = None
    law: Literal["resample", "scale"] = option("resample")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.truncation is not None and self.truncation <= 0:
            raise ValueError(f"truncation must be positive, or None, but got {self.truncation}")
        if self.law not in LAWS:
            raise ValueError(f"law must be one of {LAWS}, but got {self.law!r}")

    def canonical(self) -> Self:
        """Without truncation there is no law of it."""
        config = super().canonical()
        return config if self.truncation is not None else replace(config, law="resample")

    def labels(self) -> Mapping[str, Label]:
        """Those of the trained model, and how it is sampled; `truncation` is ``none`` for the whole range."""
        truncation = "none" if self.truncation is None else self.truncation
        return {**self.of.labels(), "truncation": truncation, "law": self.law}

    def requires(self) -> tuple[TrialConfig, ...]:
        """The classifier that samples are scored with, and the autoencoder that decodes them."""
        return self.of.requires()

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the images that samples are compared with."""
        return self.of.prepare(data, progress)


@dataclass(frozen=True, kw_only=True)
class RealImagesConfig(ScoringConfig):
    """Real held-out images, scored as generated ones are: the score of a perfect generator.

    Attributes:
        of: whose images and evaluation. Nothing is trained for it.
    """

    trainable: ClassVar[str] = "real_images"
    learner: ClassVar[str] = "trainables.code_gan.sampling.learner:RealImages"
    of: CodeGANConfig

    @property
    def data(self) -> ImageSpec:
        """The model's images."""
        return self.of.data

    @property
    def needs(self) -> DataNeeds:
        """The model's."""
        return self.data.needs

    def canonical(self) -> Self:
        """One config for all models that share images and evaluation."""
        of = self.of.canonical()
        blank = CodeGANConfig(
            accelerate=False, resolution=of.resolution, data=of.data, evaluation=of.evaluation
        )
        return replace(self, of=blank.canonical())

    def requires(self) -> tuple[TrialConfig, ...]:
        """The classifier that they are scored with."""
        return (self.of.evaluation.classifier,)

    def follows(self) -> tuple[TrialConfig, ...]:
        """Nothing: real images need no model."""
        return ()

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the images of both splits."""
        from retable.data.samples.images import prepare

        return prepare(data, self.data, progress)
