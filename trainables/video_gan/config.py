"""Config of a TGANv2 model, or of one of its baselines. No torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import ClassVar, Literal, Self

from retable.data.decode.errors import DataError
from retable.data.decode.spec import ClipSpec
from retable.evaluation.config import Evaluation
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.identity import Label, identified, option

PAPER_CLIPS = ClipSpec()
UCF101_CLASSES = 101
CHOICES = {
    "discriminator": ("multiscale", "3d", "3d+2d"),
    "loss": ("per_level", "eq7"),
    "penalty": ("r1", "wgan-gp", "none"),
    "adversarial": ("softplus", "wasserstein"),
    "pooling": ("reference", "paper"),
    "precision": ("float32", "bfloat16"),
}
POSITIVE = (
    "classes",
    "s_t",
    "z_dim",
    "base_channels",
    "clstm_channels",
    "clstm_layers",
    "clstm_dilation",
    "d_channels",
    "reference_batch",
    "batch_stride",
    "n_dis",
)

FREE = (
    *("iterations", "batch_size", "accumulate", "snapshot_every", "lam", "reference_batch"),
    *("lr", "lr_decay", "beta1", "beta2", "adam_eps", "data", "evaluation"),
)
"""Fields that a micro-batch's operations and memory do not depend on, its size aside."""


@dataclass(frozen=True, kw_only=True)
class VideoGANConfig(TrialConfig):
    """TGANv2 (multiscale), and the baselines of §5.3 that have one discriminator at the full resolution.

    The defaults are the paper's UCF101 runs (§5.2); symbols are its own.

    Attributes:
        s_t: frames of which a subsampling layer keeps one.
        S1: whether the subsampling layer after level 1 is there; S2 and S3 likewise. The baselines have S1 only.
        discriminator: ``multiscale`` has four levels; ``3d`` and ``3d+2d`` are the baselines.
        lam: λ, the weight of the gradient penalty.
        penalty: ``r1`` is zero-centred, at real videos (Equation 10); ``wgan-gp`` is one-centred, between real and
            generated videos; its λ was 10, and it is a mean over samples.
        adversarial: ``softplus`` is Equation 4, ``wasserstein`` the difference of mean logits.
        reference_batch: samples on each GPU of the paper's runs. Equation 10 is a sum over them while the other
            losses are means, and gradients are averaged over GPUs; so the penalty here is λ · reference_batch times
            the mean over all samples, whatever the number of workers.
        batch_stride: samples of a micro-batch of which each subsampling layer keeps one, so that n_l in Equation 10
            falls with the level; the reference has 2 where it is used.
        loss: ``per_level`` averages a loss for each level, as the authors' code does; ``eq7`` is a loss of the sum of the
            levels' logits, as the paper's Equation 7 does.
        resolution: height and width of clips in pixels: 16, 32 or a multiple of 64.
        frames: T, frames of a clip.
        z_dim: dimensions of the noise.
        base_channels: channels of the last two Up blocks.
        clstm_channels: channels of the ConvLSTM.
        clstm_layers: ConvLSTMs on top of each other, each of `clstm_channels`.
        clstm_dilation: distance between neighbouring taps of their kernels, in pixels.
        batch_norm: whether the generator has batch norm.
        d_channels: channels of the first block of a discriminator.
        d_residual: residual blocks in the discriminators; otherwise one convolution in the place of each.
        spectral_norm: divide each convolution of the discriminators' blocks by its largest singular value.
        pooling: what pooling does to an axis of size 1: the reference pads it, the paper leaves it alone.
        lr: Adam's learning rate at the first iteration.
        lr_decay: linearly to 0 over `iterations`.
        beta1: Adam's decay of the mean gradient.
        beta2: Adam's decay of the mean squared gradient.
        adam_eps: the ε that Adam adds to the root of the uncorrected second moment, as Chainer does.
        n_dis: discriminator updates for one of the generator, which comes with the first of them.
        conditional: whether both networks get a clip's class (§4.6).
        classes: how many classes the data set has, which shapes a conditional model's networks; 101 in UCF101.
        precision: of convolutions; sums, losses, weights and updates are float32.
        data: how clips are cut; their frames and size are `frames` and `resolution`.
        evaluation: how samples are scored.
    """

    trainable: ClassVar[str] = "video_gan"
    learner: ClassVar[str] = "trainables.video_gan.learner:VideoGANLearner"
    costs: ClassVar[str] = "trainables.video_gan.costs.step:step_cost"
    figures: ClassVar[str] = "trainables.video_gan.figures.report:figures"
    iterations: int = 100_000
    batch_size: int = 32
    snapshot_every: int = 2_000
    s_t: int = 2
    S1: bool = True
    S2: bool = True
    S3: bool = True
    discriminator: Literal["multiscale", "3d", "3d+2d"] = "multiscale"
    lam: float = 0.5
    reference_batch: int = 8
    loss: Literal["per_level", "eq7"] = "per_level"
    resolution: int = 192
    frames: int = 16
    z_dim: int = 256
    base_channels: int = 32
    clstm_channels: int = 1024
    d_channels: int = 64
    pooling: Literal["reference", "paper"] = "reference"
    lr: float = 1e-4
    lr_decay: bool = True
    beta1: float = 0.0
    beta2: float = 0.9
    adam_eps: float = 8e-8
    n_dis: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    conditional: bool = option(False)
    classes: int = option(UCF101_CLASSES)
    penalty: Literal["r1", "wgan-gp", "none"] = option("r1")
    adversarial: Literal["softplus", "wasserstein"] = option("softplus")
    batch_stride: int = option(1)
    clstm_layers: int = option(1)
    clstm_dilation: int = option(1)
    batch_norm: bool = option(True)
    d_residual: bool = option(True)
    spectral_norm: bool = option(False)
    data: ClipSpec = PAPER_CLIPS
    evaluation: Evaluation

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in POSITIVE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, but got {getattr(self, name)}")
        if self.frames < 2:
            raise ValueError(
                f"frames must be at least 2, for a clip is more than an image, but got {self.frames}"
            )
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}, but got {getattr(self, name)!r}")
        if self.resolution not in (16, 32) and (self.resolution < 64 or self.resolution % 64):
            raise ValueError(f"resolution must be 16, 32 or a multiple of 64, but got {self.resolution}")
        for name in ("lam", "adam_eps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, but got {getattr(self, name)}")
        if self.lr <= 0:
            raise ValueError(f"lr must be positive, but got {self.lr}")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), but got {getattr(self, name)}")
        if (self.data.frames, self.data.size) != (self.frames, self.resolution):
            raise ValueError(
                f"data must cut clips of frames={self.frames} and size={self.resolution}, but it has "
                f"frames={self.data.frames} and size={self.data.size}; give both the same"
            )
        for left, stride in zip(self.frames_by_level, self.strides, strict=False):
            if left > stride and left % stride:
                raise ValueError(
                    f"s_t must divide the frames that reach each subsampling layer, or the number kept depends on "
                    f"the random offset, but got s_t={self.s_t} and {self.frames_by_level} frames by level"
                )
        if self.loss == "eq7" and max(self.batch_strides) > 1:
            raise ValueError(
                "loss='eq7' adds up a sample's logits of all levels, but with batch_stride="
                f"{self.batch_stride} the higher levels have fewer samples; use loss='per_level' or batch_stride=1"
            )

    @property
    def strides(self) -> tuple[int, int, int]:
        """Temporal strides of the three subsampling layers: 1 where one is off, or has a single frame left to choose from."""
        strides, left = [], self.frames
        for on in (self.S1, self.S2, self.S3):
            strides.append(self.s_t if on and left > 1 else 1)
            left = -(-left // strides[-1])
        return strides[0], strides[1], strides[2]

    @property
    def batch_strides(self) -> tuple[int, int, int]:
        """Samples of which each subsampling layer keeps one: 1 where it is off, and before the only level."""
        first, second, third = (
            self.batch_stride if stride > 1 and self.discriminator == "multiscale" else 1
            for stride in self.strides
        )
        return first, second, third

    @property
    def one_in(self) -> tuple[int, ...]:
        """For each level of the discriminator, of how many samples of a micro-batch it has one."""
        return tuple(prod(self.batch_strides[: level - 1]) for level in self.levels)

    @property
    def frames_by_level(self) -> tuple[int, int, int, int]:
        """T_l of the training videos, such as 16, 8, 4, 2."""
        first, second, third = self.strides
        frames = self.frames, -(-self.frames // first)
        two = -(-frames[1] // second)
        return (*frames, two, -(-two // third))

    @property
    def offset_counts(self) -> tuple[int, int, int]:
        """Number of first frames that each subsampling layer draws from: min(s_t, T_h), below Equation 9."""
        first, second, third = (
            min(stride, frames) for stride, frames in zip(self.strides, self.frames_by_level, strict=False)
        )
        return first, second, third

    @property
    def num_classes(self) -> int:
        """Number of classes of the networks; 0 for an unconditional model."""
        return self.classes if self.conditional else 0

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that are rendered and discriminated in training."""
        return (1, 2, 3, 4) if self.discriminator == "multiscale" else (4,)

    def canonical(self) -> Self:
        """Every toggle that changes nothing off, and what only they use at its default."""
        multiscale = self.discriminator == "multiscale"
        reduced = self if multiscale else replace(self, S2=False, S3=False, loss="per_level")
        side = max(self.resolution // 64, 1)  # of the ConvLSTM's maps
        penalised = self.lam > 0 and self.penalty != "none"
        S1, S2, S3 = (stride > 1 for stride in reduced.strides)
        evaluation = replace(self.evaluation, classifier=self.evaluation.classifier.canonical())
        return replace(
            reduced,
            s_t=self.s_t if S1 or S2 or S3 else 1,
            S1=S1,
            S2=S2,
            S3=S3,
            lam=self.lam if penalised else 0.0,
            penalty=self.penalty if penalised else "r1",
            reference_batch=self.reference_batch if penalised and self.penalty == "r1" else 1,
            batch_stride=max(reduced.batch_strides),
            clstm_dilation=min(self.clstm_dilation, side),  # from there on, the outer taps meet padding only
            classes=self.classes if self.conditional else UCF101_CLASSES,
            evaluation=evaluation if self.conditional else replace(evaluation, labels="frequency"),
        )

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters in the paper's words; `s_t` is 1 where no subsampling layer is on.

        A toggle reads as it was declared, as the paper's tables have it (Table 2 ticks S3 at s_t = 4 though it changes
        nothing, Table 10 does not); `canonical().labels()` is the same for all configs of one trial.
        """
        multiscale = self.discriminator == "multiscale"
        toggles = (self.S1, self.S2 and multiscale, self.S3 and multiscale)
        subsampled = self.s_t > 1 and any(toggles)
        return {
            **super().labels(),
            "s_t": self.s_t if subsampled else 1,
            **{f"S{layer}": int(on and subsampled) for layer, on in enumerate(toggles, start=1)},
            "lambda": self.lam if self.penalty != "none" else 0.0,
            "penalty": self.penalty if self.lam else "none",
            "adversarial": self.adversarial,
            "reference_batch": self.reference_batch,
            "discriminator": self.discriminator,
            "loss": self.loss,
            "conditional": int(self.conditional),
            "resolution": self.resolution,
            "frames": self.frames,
            "lr": self.lr,
            "lr_decay": int(self.lr_decay),
            "n_dis": self.n_dis,
            "accumulate": self.accumulate,
            "z_dim": self.z_dim,
            "base_channels": self.base_channels,
            "clstm_channels": self.clstm_channels,
            "clstm_layers": self.clstm_layers,
            "clstm_dilation": self.clstm_dilation,
            "no_batch_norm": int(not self.batch_norm),
            "d_channels": self.d_channels,
            "plain_discriminator": int(not self.d_residual),
            "spectral_norm": int(self.spectral_norm),
            "batch_stride": self.batch_stride if subsampled and multiscale else 1,
            "pooling": self.pooling,
            "precision": self.precision,
        }

    def requires(self) -> tuple[TrialConfig, ...]:
        """The classifier behind IS and FID."""
        return (self.evaluation.classifier,)

    def with_classifier(self, file: Path) -> Self:
        """Return a copy that is evaluated with the pretrained classifier."""
        return replace(self, evaluation=self.evaluation.with_classifier(file))

    @property
    def needs(self) -> DataNeeds:
        """Videos of at least T frames."""
        return self.data.needs

    def cost_key(self) -> Mapping[str, object]:
        """All but what only decides where the training goes, or on how much it goes."""
        plain = identified(self.canonical())
        return {key: value for key, value in plain.items() if key not in FREE} | {"penalty": self.lam > 0}

    def bound_to_iterations(self) -> str:
        """The learning rate's decay."""
        return "lr_decay takes the learning rate to 0 at the last iteration" if self.lr_decay else ""

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the train split into shards; returns which videos are skipped.

        Raises:
            DataError: the data set can't be trained on, or it has other classes than a conditional model's networks.
        """
        from retable.data.samples.clips import Clips
        from retable.data.scan.catalog import scan

        if self.conditional:
            found = scan(data, frames=self.frames).classes
            if len(found) != self.classes:
                raise DataError(
                    f"a conditional model is made for the classes of its data set, but got classes={self.classes} and "
                    f"{data} has {len(found)} ({', '.join(found[:3])}…); train it with classes={len(found)}, which is "
                    "another trial, or on the data set that it was declared for"
                )
        return Clips(data, self.data, "train", 0, progress=progress).notice
