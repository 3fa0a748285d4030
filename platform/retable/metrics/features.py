"""A finished classifier as the judge of generated clips: class logits for IS, features for FID."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from retable import checkpoint
from retable.data.spec import ClipSpec
from retable.metrics.protocol import Protocol as MetricName
from retable.study import TrialConfig


@runtime_checkable
class ClassifierConfig(Protocol):
    """What a trial's config offers if its network can judge clips.

    Attributes:
        data: the clips that it was trained on.
    """

    @property
    def data(self) -> ClipSpec: ...

    def classifier(self, state: Mapping[str, Any]) -> nn.Module:
        """The network of a learner's state: clips (N, C, T, H, W) in [-1, 1] -> logits (N, K), features (N, F)."""
        ...


class FeatureExtractor:
    """A classifier that no longer learns.

    Args:
        network: clips (N, C, T, S, S) in [-1, 1] -> logits (N, K) and features (N, F).
        kind: its trainable, such as ``c3d``.
        spec: the clips that it was trained on; S and T come from it.
        accuracy: its accuracy on held-out clips, in [0, 1].
    """

    def __init__(
        self, network: nn.Module, *, kind: str, spec: ClipSpec, accuracy: float, device: torch.device
    ) -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self.kind, self.spec, self.device = kind, spec, device
        self.accuracy = accuracy

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
                f"an evaluation's classifier must have `data` and `classifier`, but got {type(config).__name__}"
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
            spec=config.data,
            accuracy=_accuracy(path, result["scores"]),
            device=device,
        )

    @cached_property
    def weights(self) -> str:
        """SHA-256 of the network's weights, in hex: names, types, shapes and values."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def name(self) -> str:
        """How protocols call it: its kind and the first 6 hex digits of its weights' hash."""
        return f"{self.kind}-{self.weights[:6]}"

    @property
    def resize(self) -> str:
        """How protocols call what is done to frames."""
        return f"bilinear{self.spec.size}"

    @torch.no_grad()
    def features(self, clips_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and features (N, F) of clips of any size in [-1, 1]; values beyond are clipped.

        Frames are resized straight to the classifier's size: bilinear between the centres of the corner pixels
        (`align_corners`), without antialiasing, as in the reference evaluation of TGANv2.

        Raises:
            ValueError: the clips are not of the classifier's length.
        """
        n, c, t, h, w = clips_NCTHW.shape
        if t != self.spec.frames:
            raise ValueError(f"{self.name} judges clips of {self.spec.frames} frames, but got {t}")
        size = self.spec.size
        x_NCTHW = clips_NCTHW.to(self.device, torch.float32).clamp(-1, 1)
        if (h, w) != (size, size):
            frames = x_NCTHW.reshape(n, c * t, h, w)
            frames = functional.interpolate(frames, size=(size, size), mode="bilinear", align_corners=True)
            x_NCTHW = frames.reshape(n, c, t, size, size)
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
