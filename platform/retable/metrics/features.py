"""A finished classifier as the judge of generated clips: class logits for IS, features for FID."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from retable import checkpoint
from retable.data.spec import ClipSpec
from retable.metrics.brought import weights_hash
from retable.metrics.protocol import Protocol as MetricName
from retable.metrics.resize import Resize
from retable.study import TrialConfig


@runtime_checkable
class ClassifierConfig(Protocol):
    """What a trial's config offers if its network can judge clips.

    Attributes:
        data: the clips that it was trained on, or that its accuracy is taken on.
        resize: how frames of other sizes reach its network.
    """

    @property
    def data(self) -> ClipSpec: ...
    @property
    def resize(self) -> Resize: ...

    def classifier(self, state: Mapping[str, Any]) -> nn.Module:
        """The network of a learner's state: clips (N, C, T, H, W) in [-1, 1] -> logits (N, K), features (N, F)."""
        ...


class FeatureExtractor:
    """A classifier that no longer learns.

    Args:
        network: clips (N, C, T, S, S) in [-1, 1] -> logits (N, K) and features (N, F).
        kind: its trainable, such as ``c3d``.
        frames: T, frames of the clips that it takes.
        resize: how frames of any size become S × S.
        accuracy: its accuracy on held-out clips, in [0, 1].
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        kind: str,
        frames: int,
        resize: Resize,
        accuracy: float,
        device: torch.device,
    ) -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self.kind, self.frames, self.device = kind, frames, device
        self.accuracy = accuracy
        self._resize = resize

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
        path = folder / "result.json"
        if not path.exists():
            raise FileNotFoundError(f"the classifier's trial in {folder} is not finished: {path} is missing")
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["best"] is None:
            raise ValueError(
                f"the classifier's trial in {folder} ended as {result['state']} before its first snapshot; "
                "lower its learning rate"
            )
        saved = checkpoint.at(folder, result["best"], result["signature"])
        state = checkpoint.load(saved, device)["learner"]
        return cls(
            config.classifier(state),
            kind=config.trainable,
            frames=config.data.frames,
            resize=config.resize,
            accuracy=_accuracy(path, result["scores"]),
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
        """How protocols call it: its kind and the first 6 hex digits of its weights' hash."""
        return f"{self.kind}-{self.weights[:6]}"

    @property
    def resize(self) -> str:
        """How protocols call what is done to frames."""
        return self._resize.name

    @torch.no_grad()
    def features(self, clips_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and features (N, F) of clips of any size in [-1, 1]; values beyond are clipped.

        Raises:
            ValueError: the clips are not of the classifier's length.
        """
        if clips_NCTHW.shape[2] != self.frames:
            raise ValueError(
                f"{self.name} judges clips of {self.frames} frames, but got {clips_NCTHW.shape[2]}"
            )
        x_NCTHW = self._resize(clips_NCTHW.to(self.device, torch.float32).clamp(-1, 1))
        logits_NK, features_NF = self.network(x_NCTHW)
        return logits_NK, features_NF


def _accuracy(path: Path, scores: Mapping[str, Mapping[str, float]]) -> float:
    """The only accuracy among a result's scores."""
    found = [score["value"] for name, score in scores.items() if MetricName.parse(name).family == "accuracy"]
    if len(found) != 1:
        raise ValueError(
            f"{path} must hold one accuracy of the classifier, but its scores are {list(scores)}"
        )
    return found[0]
