"""Features of generated clips or images by a finished classifier: class logits for IS, features for the distances."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from retable.data.decode.spec import ClipSpec, ImageSpec
from retable.evaluation.pretrained import weights_hash
from retable.evaluation.resize import Resize, Untouched
from retable.metrics.protocol import Protocol as MetricName
from retable.store.trained import trained
from retable.trial.config import TrialConfig
from retable.trial.learner import Score


@runtime_checkable
class ClassifierConfig(Protocol):
    """Config of a trial whose network can score clips or images.

    Attributes:
        data: the clips or images that it was trained on, or that its accuracy is taken on.
        resize: how those of other sizes reach its network.
    """

    @property
    def data(self) -> ClipSpec | ImageSpec: ...
    @property
    def resize(self) -> Resize | Untouched: ...

    def classifier(self, state: Mapping[str, Any]) -> nn.Module:
        """The network of a learner's state: clips (N, C, T, H, W), or images (N, C, H, W), in [-1, 1] -> logits (N, K), features (N, F)."""
        ...


class FeatureExtractor:
    """A classifier that no longer learns.

    Args:
        network: clips (N, C, T, S, S), or images (N, C, S, S), in [-1, 1] -> logits (N, K) and features (N, F).
        kind: its trainable, such as ``c3d``.
        frames: T, frames of the clips that it takes; None if it takes images.
        resize: how those of any size become S × S.
        accuracy: its accuracy on held-out clips or images, in [0, 1]; None if it does not know their classes.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        kind: str,
        frames: int | None,
        resize: Resize | Untouched,
        accuracy: float | None,
        device: torch.device,
    ) -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self.kind, self.frames, self.device = kind, frames, device
        self.accuracy = accuracy
        self._resize = resize
        weights = (weight.dtype for weight in network.parameters())
        self._dtype = torch.promote_types(next(weights, torch.float32), torch.float32)

    @classmethod
    def load(cls, folder: Path, config: TrialConfig, device: torch.device) -> Self:
        """The best snapshot of a finished classifier's trial.

        Args:
            folder: the trial's folder.
            config: the classifier's config, such as C3DConfig.

        Raises:
            TypeError: the config is not a classifier's.
            ValueError: its trial found no best snapshot, or was not scored by accuracy.
            FileNotFoundError: the trial is not finished.
        """
        if not isinstance(config, ClassifierConfig):
            raise TypeError(
                f"an evaluation's classifier must have `data`, `resize` and `classifier`, but got {type(config).__name__}"
            )
        trial = trained(folder)
        return cls(
            config.classifier(trial.state(device)),
            kind=config.trainable,
            frames=config.data.frames if isinstance(config.data, ClipSpec) else None,
            resize=config.resize,
            accuracy=_accuracy(folder, trial.result.scores),
            device=device,
        )

    @cached_property
    def weights(self) -> str:
        """SHA-256 of the network's weights, in hex: names, types, shapes and values."""
        return weights_hash(
            {name: tensor.cpu().numpy() for name, tensor in self.network.state_dict().items()}
        )

    @property
    def name(self) -> str:
        """Name in protocols: its kind and the first 6 hex digits of its weights' hash."""
        return f"{self.kind.replace('_', '')}-{self.weights[:6]}"

    @property
    def resize(self) -> str:
        """Name of the preprocessing of frames or images in protocols."""
        return self._resize.name

    @property
    def accuracy_text(self) -> str:
        """Accuracy as protocols print it; empty if it has none."""
        return "" if self.accuracy is None else f"{self.accuracy:.3f}"

    @torch.no_grad()
    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and features (N, F) of samples of any size in [-1, 1]; values beyond are clipped.

        They are judged in the precision of the classifier's weights, float32 at least.

        Args:
            x: clips (N, C, T, H, W), or images (N, C, H, W).

        Raises:
            ValueError: they are not of the kind that it takes, or clips of another length.
        """
        frames = x.shape[2] if x.ndim == 5 else None
        if frames != self.frames:
            raise ValueError(f"{self.name} judges {_kind(self.frames)}, but got {_kind(frames)}")
        resized = self._resize(x.to(self.device, self._dtype).clamp(-1, 1))
        logits_NK, features_NF = self.network(resized)
        return logits_NK, features_NF


def _kind(frames: int | None) -> str:
    return "images" if frames is None else f"clips of {frames} frames"


def _accuracy(folder: Path, scores: Mapping[str, Score]) -> float | None:
    """The only accuracy among a result's scores; None if it has other scores only."""
    found = [score.value for name, score in scores.items() if MetricName.parse(name).family == "accuracy"]
    if len(found) > 1 or not scores:
        raise ValueError(
            f"the result in {folder} must hold one accuracy of the classifier, but its scores are {list(scores)}"
        )
    return found[0] if found else None
