"""What defines a code-GAN scientifically: its autoencoder (stage 1) and its GAN (stage 2). No torch here."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from retable.data.image_spec import ImageSpec
from retable.identity import identified
from retable.metrics.image_evaluation import ImageEvaluation
from retable.published import Label
from retable.trial import TrialConfig
from trainables.code_gan.channels import WIDTH, Stage2, levels
from trainables.code_gan.checks import check_adam, check_divisor, check_least

if TYPE_CHECKING:
    from retable.ddp import Workers
    from retable.figures.finished import Finished
    from retable.figures.kinds import Figure
    from retable.forecast import StepCost
    from retable.run import Run
    from trainables.code_gan.autoencoder_step import AutoencoderLearner
    from trainables.code_gan.codec import Codec
    from trainables.code_gan.step import CodeGANLearner

D_WIDTH = 64
STAGE_1_IMAGES = ImageSpec(size=128)
STAGE_2_IMAGES = ImageSpec(size=256)


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(TrialConfig):
    """Stage 1: an encoder F and a decoder H, fully convolutional, and a discriminator of what they reconstruct.

    The paper gives the loss, the data, 128 × 128 and the code's size; the other defaults are ours (README.md).

    Attributes:
        code_divisor: by how much a code is smaller than its image: 2, 4, 8 or 16.
        code_channels: of a code.
        alpha: α, the weight of the adversarial loss beside L1; 0 trains no discriminator.
        width: channels of F and H at full resolution.
        d_width: channels of the discriminator's first convolution.
        lr: Adam's learning rate.
        beta1: Adam's decay of the mean gradient.
        beta2: Adam's decay of the mean squared gradient.
        adam_eps: Adam's ε.
        data: the images that it is trained on; F and H take others of any size.
        scored: test images whose reconstruction is scored, spread over the split; all where there are fewer.
    """

    trainable: ClassVar[str] = "code_autoencoder"
    iterations: int = 100_000
    batch_size: int = 16
    snapshot_every: int = 10_000
    code_divisor: int = 4
    code_channels: int = 16
    alpha: float = 1e-2
    width: int = 64
    d_width: int = D_WIDTH
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    adam_eps: float = 1e-8
    data: ImageSpec = STAGE_1_IMAGES
    scored: int = 1_000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, {"code_channels": 1, "width": 1, "d_width": 1, "scored": 1, "alpha": 0})
        check_divisor(self.code_divisor)
        check_adam(self.lr, self.beta1, self.beta2, self.adam_eps)
        if self.data.size % self.code_divisor:
            raise ValueError(
                f"code_divisor must divide the size of images, but got code_divisor={self.code_divisor} and images of "
                f"{self.data.size} × {self.data.size}"
            )
        if self.alpha and self.data.size < 16:
            raise ValueError(
                f"images must be at least 16 pixels large where alpha > 0, for the discriminator judges patches, but "
                f"got {self.data.size}"
            )

    def canonical(self) -> Self:
        """Without a discriminator its width is the default."""
        return self if self.alpha else replace(self, d_width=D_WIDTH)

    def labels(self) -> Mapping[str, Label]:
        return {
            **super().labels(),
            "resolution": self.data.size,
            "code_divisor": self.code_divisor,
            "code_channels": self.code_channels,
            "alpha": self.alpha,
            "lr": self.lr,
            "width": self.width,
        }

    def judged_by(self, file: Path) -> Self:
        """The same: no classifier scores a reconstruction, but GANs of the same study."""
        return self

    def cost_key(self) -> Mapping[str, object]:
        """The networks, the images' size, and whether there is a discriminator."""
        return {
            "code_divisor": self.code_divisor,
            "code_channels": self.code_channels,
            "width": self.width,
            "d_width": self.d_width if self.alpha else 0,
            "size": self.data.size,
        }

    def step_cost(self) -> "StepCost":
        """Counted from the networks, on the meta device."""
        from trainables.code_gan.step_cost import autoencoder_step_cost

        return autoencoder_step_cost(self)

    def bound_to_iterations(self) -> str:
        """Nothing: the learning rate stays the same."""
        return ""

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the images before any worker starts."""
        from retable.data.images import prepare

        return prepare(data, self.data, progress)

    def build(self, seed: int, run: "Run", workers: "Workers") -> "AutoencoderLearner":
        """The learner of this config on this worker."""
        from retable.data.images import Images
        from trainables.code_gan.autoencoder_step import AutoencoderLearner

        train, test = (Images(run.data, self.data, split, seed) for split in ("train", "test"))
        return AutoencoderLearner(self, seed, workers, train=train, test=test)

    def codec(self, state: Mapping[str, Any]) -> "Codec":
        """F and H of a trained learner's state."""
        from trainables.code_gan.codec import Codec

        return Codec.of(self.code_divisor, self.code_channels, self.width, state)

    def figures(
        self, finished: "Finished", samples: int, progress: Callable[[int, int], None]
    ) -> Iterator["Figure"]:
        """Test images, their reconstructions, and the errors."""
        from trainables.code_gan.figures.reconstructions import reconstructions

        return reconstructions(finished)

    @classmethod
    def together(
        cls, finished: Sequence["Finished"], progress: Callable[[int, int], None]
    ) -> Iterator["Figure"]:
        """Figure 4 of the paper: the same images reconstructed from codes of several sizes."""
        from trainables.code_gan.figures.reconstructions import by_code_size

        return by_code_size(finished)


@dataclass(frozen=True, kw_only=True)
class CodeGANConfig(TrialConfig):
    """Stage 2: a WGAN-GP that learns codes (after acceleration) or images (before it). The symbols are the papers'.

    Attributes:
        accelerate: whether codes are learned. Nothing else tells before from after.
        encoder: the autoencoder whose codes are learned, and which decodes the generated ones.
        resolution: height and width of the images, whether they are generated or decoded.
        z_dim: dimensions of the normal noise.
        width: channels of the widest layers (`trainables.code_gan.channels`).
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
    epoch: ClassVar[int] = 30_000
    iterations: int = 180_000
    batch_size: int = 16
    snapshot_every: int = 9_000
    accelerate: bool = True
    encoder: AutoencoderConfig | None = AutoencoderConfig()
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
    def fed(self) -> int:
        """Each of the discriminator's updates has a batch of its own."""
        return self.batch_size * self.n_critic

    @property
    def _encoder(self) -> AutoencoderConfig | None:
        """The autoencoder, if codes are learned."""
        return self.encoder if self.accelerate else None

    @property
    def shape(self) -> Stage2:
        """What the networks look like."""
        encoder = self._encoder
        return Stage2(
            resolution=self.resolution // (encoder.code_divisor if encoder else 1),
            channels=encoder.code_channels if encoder else 3,
            z_dim=self.z_dim,
            width=self.width,
            pixel_norm=self.pixel_norm,
        )

    def canonical(self) -> Self:
        """No encoder where none is asked."""
        encoder = self._encoder
        classifier = self.evaluation.classifier.canonical()
        return replace(
            self,
            encoder=encoder and encoder.canonical(),
            evaluation=replace(self.evaluation, classifier=classifier),
        )

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters; `code_divisor` is ``none`` before acceleration."""
        encoder = self._encoder
        return {
            **super().labels(),
            "accelerate": int(self.accelerate),
            "resolution": self.resolution,
            "code_divisor": encoder.code_divisor if encoder else "none",
            "code_channels": encoder.code_channels if encoder else "none",
            "alpha": encoder.alpha if encoder else "none",
            "lambda": self.lam,
            "n_critic": self.n_critic,
            "pixel_norm": int(self.pixel_norm),
            "ema": self.ema,
            "lr": self.lr,
            "z_dim": self.z_dim,
            "width": self.width,
        }

    def requires(self) -> tuple[TrialConfig, ...]:
        """The classifier that FID is taken with, and the encoder of the codes."""
        encoder = self._encoder
        return (self.evaluation.classifier, *((encoder,) if encoder else ()))

    def bound_to_iterations(self) -> str:
        """Nothing: the learning rate stays the same."""
        return ""

    def judged_by(self, file: Path) -> Self:
        """Scored by the classifier in that file of weights."""
        return replace(self, evaluation=self.evaluation.judged_by(file))

    def cost_key(self) -> Mapping[str, object]:
        """The networks, the updates, and whether there is a penalty."""
        shape = identified(self.shape)
        return shape | {"n_critic": self.n_critic, "penalty": self.lam > 0}

    def step_cost(self) -> "StepCost":
        """Counted from the networks, on the meta device. Encoding is not in it."""
        from trainables.code_gan.step_cost import code_gan_step_cost

        return code_gan_step_cost(self)

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the train split's images before any worker starts; samples are compared with them too."""
        from retable.data.images import Images

        return Images(data, self.data, "train", 0, progress=progress).notice

    def build(self, seed: int, run: "Run", workers: "Workers") -> "CodeGANLearner":
        """The learner of this config on this worker."""
        from trainables.code_gan.assembly import assembled

        return assembled(self, seed, run, workers)

    def landmarks(self) -> Collection[int]:
        """The snapshots after about a half, a quarter, an eighth and a sixteenth of the training.

        One that runs several times as fast as another can so be shown beside it at about the same time.
        """
        every = self.snapshot_every
        return {max(round(self.iterations / share / every), 1) * every for share in (2, 4, 8, 16)}

    def figures(
        self, finished: "Finished", samples: int, progress: Callable[[int, int], None]
    ) -> Iterator["Figure"]:
        """Samples, Figure 10 of the paper, and the samples' nearest training images."""
        from trainables.code_gan.figures.everything import everything

        return everything(self, finished, samples, progress)

    @classmethod
    def together(
        cls, finished: Sequence["Finished"], progress: Callable[[int, int], None]
    ) -> Iterator["Figure"]:
        """Samples of each, and those before and after acceleration side by side: Figures 5 to 9."""
        from trainables.code_gan.figures.before_after import side_by_side

        return side_by_side(finished, progress)
