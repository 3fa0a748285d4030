"""Config of a code-GAN's second stage. No torch here."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

from retable.data.decode.spec import ImageSpec
from retable.evaluation.config import ImageEvaluation
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.identity import Label, identified
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.autoencoder.pretrained import AnyAutoencoder, PretrainedAutoencoder, encoder_classes
from trainables.code_gan.encoding.config import CodesConfig
from trainables.code_gan.stages.channels import WIDTH, Stage2, levels
from trainables.code_gan.stages.checks import check_adam, check_least

STAGE_2_IMAGES = ImageSpec(size=256)


@dataclass(frozen=True, kw_only=True)
class CodeGANConfig(TrialConfig):
    """Stage 2: a WGAN-GP that learns codes (after acceleration) or images (before it). The symbols are the papers'.

    Attributes:
        accelerate: whether codes are learned. Nothing else tells before from after.
        encoder: the autoencoder whose codes are learned, and which decodes the generated ones.
        resolution: height and width of the images, whether they are generated or decoded.
        z_dim: dimensions of the normal noise.
        width: channels of the widest layers (`trainables.code_gan.stages.channels`).
        pixel_norm: whether the generator normalises each pixel.
        lam: λ, the weight of the gradient penalty.
        n_critic: discriminator updates before each of the generator; each has a batch of its own.
        ema: decay of the average of the generator's weights that samples are taken from.
        lr: Adam's learning rate.
        beta1: Adam's decay of the mean gradient.
        beta2: Adam's decay of the mean squared gradient.
        adam_eps: Adam's ε.
        data: the images, of that resolution.
        evaluation: how samples are scored, decoded first where they are codes.
    """

    trainable: ClassVar[str] = "code_gan"
    learner: ClassVar[str] = "trainables.code_gan.learner:CodeGANLearner.of"
    costs: ClassVar[str] = "trainables.code_gan.costs.step:step_cost"
    figures: ClassVar[str] = "trainables.code_gan.figures.report:figures"
    joint_figures: ClassVar[str] = "trainables.code_gan.figures.before_after:side_by_side"
    epoch: ClassVar[int] = 30_000
    iterations: int = 180_000
    batch_size: int = 16
    snapshot_every: int = 4_500
    accelerate: bool = True
    encoder: AnyAutoencoder | None = field(default_factory=AutoencoderConfig)
    resolution: int = 256
    z_dim: int = 128
    width: int = WIDTH
    pixel_norm: bool = True
    lam: float = 10.0
    n_critic: int = 1
    ema: float = 0.999
    lr: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    adam_eps: float = 1e-8
    data: ImageSpec = STAGE_2_IMAGES
    evaluation: ImageEvaluation

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, {"z_dim": 1, "width": 1, "lam": 0, "n_critic": 1})
        check_adam(self.lr, self.beta1, self.beta2, self.adam_eps)
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be in [0, 1), but got {self.ema}")
        if self.data.size != self.resolution:
            raise ValueError(
                f"data must have images of resolution={self.resolution}, but it has size={self.data.size}; give both the "
                "same"
            )
        if self.accelerate and self.encoder is None:
            raise ValueError(
                "accelerate=True learns an encoder's codes, but got encoder=None; give the autoencoder"
            )
        divisor = self._encoder.code_divisor if self._encoder else 1
        try:
            levels(self.resolution // divisor if self.resolution % divisor == 0 else 0)
        except ValueError as error:
            codes = f", with codes of a {divisor}th of it" if divisor > 1 else ""
            raise ValueError(
                f"resolution must be 4 · 2^k pixels for images and codes, but got {self.resolution}{codes}"
            ) from error

    @property
    def samples_per_iteration(self) -> int:
        """Each of the discriminator's updates has a batch of its own."""
        return self.batch_size * self.n_critic

    @property
    def _encoder(self) -> AnyAutoencoder | None:
        """The autoencoder, if codes are learned."""
        return self.encoder if self.accelerate else None

    @property
    def codes(self) -> CodesConfig | None:
        """The stored codes, if codes are learned."""
        encoder = self._encoder
        if encoder is None:
            return None
        return CodesConfig(of=encoder.canonical(), data=self.data, scored=encoder.scored)

    @property
    def shape(self) -> Stage2:
        """Sizes of the networks."""
        encoder = self._encoder
        return Stage2(
            resolution=self.resolution // (encoder.code_divisor if encoder else 1),
            channels=encoder.code_channels if encoder else 3,
            z_dim=self.z_dim,
            width=self.width,
            pixel_norm=self.pixel_norm,
        )

    def canonical(self) -> Self:
        """Without an encoder where none is used."""
        encoder = self._encoder
        classifier = self.evaluation.classifier.canonical()
        return replace(
            self,
            encoder=encoder and encoder.canonical(),
            evaluation=replace(self.evaluation, classifier=classifier),
        )

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters; `code_divisor` is ``none`` before acceleration.

        `encoder_classes` is empty where the encoder was trained on the same ones, `encoder_weights` where it is not pretrained.
        """
        encoder = self._encoder
        return {
            **super().labels(),
            "accelerate": int(self.accelerate),
            "resolution": self.resolution,
            "classes": self.data.class_names,
            "code_divisor": encoder.code_divisor if encoder else "none",
            "code_channels": encoder.code_channels if encoder else "none",
            "alpha": encoder.labels()["alpha"] if encoder else "none",
            "encoder_classes": encoder_classes(encoder, self.data),
            "encoder_weights": encoder.labels().get("weights", "") if encoder else "",
            "lambda": self.lam,
            "n_critic": self.n_critic,
            "pixel_norm": int(self.pixel_norm),
            "ema": self.ema,
            "lr": self.lr,
            "z_dim": self.z_dim,
            "width": self.width,
        }

    def requires(self) -> tuple[TrialConfig, ...]:
        """The classifier that FID is taken with, the autoencoder, and the codes that it gives."""
        codes = self.codes
        return (self.evaluation.classifier, *((codes.of, codes) if codes else ()))

    def bound_to_iterations(self) -> str:
        """Empty: the learning rate stays the same."""
        return ""

    def with_classifier(self, file: Path) -> Self:
        """Return a copy that is evaluated with the pretrained classifier."""
        return replace(self, evaluation=self.evaluation.with_classifier(file))

    def with_encoder(self, file: Path) -> Self:
        """Return a copy over the codes of the pretrained autoencoder; before acceleration there is none.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds no autoencoder, or one whose codes have another size.
        """
        wanted = self._encoder
        if wanted is None:
            return self
        pretrained = PretrainedAutoencoder.of(file, replace(wanted.data, classes=()), wanted.scored)
        sizes, given = ((one.code_divisor, one.code_channels) for one in (wanted, pretrained))
        if sizes != given:
            raise ValueError(
                f"codes of (divisor, channels) = {sizes} are asked for, but the autoencoder of {file} gives {given}"
            )
        return replace(self, encoder=pretrained)

    @property
    def needs(self) -> DataNeeds:
        """Images of the resolution."""
        return self.data.needs

    def cost_key(self) -> Mapping[str, object]:
        """The networks, the updates, and whether there is a penalty."""
        shape = identified(self.shape)
        return shape | {"n_critic": self.n_critic, "penalty": self.lam > 0}

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the train split's images before any worker starts; samples are compared with them too."""
        from retable.data.samples.images import Images

        return Images(data, self.data, "train", 0, progress=progress).notice

    def landmarks(self) -> Collection[int]:
        """Some of the snapshots, the denser the earlier, from a sixteenth of the training on.

        One that runs several times as fast as another can so be shown beside it at about the same time.
        """
        every = self.snapshot_every
        shares = (1.5, 2, 2.5, 3, 4, 5, 6, 8, 12, 16)
        return {max(round(self.iterations / share / every), 1) * every for share in shares}
