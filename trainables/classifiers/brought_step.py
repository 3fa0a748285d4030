"""Trials that train nothing: a classifier that was brought, and a score that shows that it is what it should be."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from retable.data.clips import Clips, to_model
from retable.data.image_spec import ImageSpec
from retable.data.spec import ClipSpec
from retable.ddp import Workers
from retable.metrics.brought import FILE
from retable.metrics.features import FeatureExtractor
from retable.metrics.protocol import Protocol as MetricName
from retable.metrics.resize import Resize, Untouched
from retable.run import Best, Run, Score
from trainables.classifiers.brought import BroughtC3D


class BroughtConfig(Protocol):
    """The config of a classifier that was brought: `BroughtC3D` or `Inception`."""

    trainable: ClassVar[str]

    @property
    def weights(self) -> str: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def data(self) -> ClipSpec | ImageSpec: ...
    @property
    def resize(self) -> Resize | Untouched: ...
    def classifier(self, state: Mapping[str, Any]) -> nn.Module:
        """The network of a state."""
        ...


class BroughtLearner(ABC):
    """Fits the loop like any learner, so that what was brought is checked, scored and kept like what was trained.

    Raises:
        FileNotFoundError: the driver put no file into the trial's folder.
        ValueError: the file there is another one.
    """

    best: ClassVar[Best]

    def __init__(self, config: BroughtConfig, run: Run, workers: Workers) -> None:
        self.workers = workers
        self.at_once = max(1, config.batch_size // workers.size)
        path = run.folder / FILE
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing; give the file with --classifier FILE again")
        self.extractor = FeatureExtractor(
            config.classifier({"network": load_file(path)}),
            kind=config.trainable,
            frames=config.data.frames if isinstance(config.data, ClipSpec) else None,
            resize=config.resize,
            accuracy=None,  # not known yet, and not asked for
            device=workers.device,
        )
        if self.extractor.weights != config.weights:
            raise ValueError(
                f"{path} must have the weights {config.weights[:12]}…, but has {self.extractor.weights[:12]}…; "
                "delete it and run the same command again"
            )
        self._scores: dict[str, Score] = {}

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """Nothing: the weights stay as they were brought."""
        return {}

    @torch.no_grad()
    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """The score of what is held out, resized as generated samples are. It is taken once."""
        del iteration, final
        self._scores = self._scores or self._measured()
        return self._scores

    @abstractmethod
    def _measured(self) -> dict[str, Score]:
        """That score by its protocol's name."""

    def samples(self) -> None:  # noqa: B027 (that is all there is to it)
        """A classifier has nothing to look at."""

    def state(self) -> dict[str, Any]:
        """The weights."""
        return {"network": self.extractor.network.state_dict()}

    def load_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027 (as above)
        """Nothing: every state of the trial has the weights of the file."""


class BroughtC3DLearner(BroughtLearner):
    """C3D as it was brought, and its accuracy on one clip of each held-out video."""

    best = Best("accuracy", "max")

    def __init__(self, config: BroughtC3D, run: Run, workers: Workers) -> None:
        super().__init__(config, run, workers)
        self._test = Clips(run.data, config.data, "test", 0)

    def _measured(self) -> dict[str, Score]:
        right = torch.zeros(1, dtype=torch.int64, device=self.workers.device)
        share = self.workers.share(len(self._test))
        for start in range(0, len(share), self.at_once):
            clips, labels_N = self._test.evaluation_batch(share[start : start + self.at_once])
            logits_NK, _ = self.extractor.features(to_model(clips.to(self.workers.device)))
            right += (logits_NK.argmax(dim=1) == labels_N.to(self.workers.device)).sum()
        protocol = MetricName(
            family="accuracy",
            samples=len(self._test),
            data=self._test.fingerprint[:6],
            resize=self.extractor.resize,
            split="test",
        )
        return {protocol.name: Score(int(self.workers.gather(right).sum()) / len(self._test))}
