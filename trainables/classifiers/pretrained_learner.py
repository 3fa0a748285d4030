"""Trials that train nothing: classifiers that were brought, and the accuracy of C3D."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import torch
from safetensors.torch import load_file
from torch import nn

from retable.data.decode.spec import ClipSpec, ImageSpec
from retable.data.samples.clips import Clips, to_model
from retable.evaluation.features import FeatureExtractor
from retable.evaluation.pretrained_learner import PretrainedLearner
from retable.evaluation.resize import Resize, Untouched
from retable.metrics.protocol import Protocol as MetricName
from retable.trial.distributed import Workers
from retable.trial.learner import Best, Score
from retable.trial.run import Run
from trainables.classifiers.c3d.pretrained import PretrainedC3D


class PretrainedConfig(Protocol):
    """The config of a classifier that was brought: `PretrainedC3D` or `Inception`."""

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


class PretrainedClassifierLearner(PretrainedLearner):
    """A classifier as it was brought; what is held out is resized as generated samples are.

    Raises:
        FileNotFoundError: the driver put no file into the trial's folder.
        ValueError: the file there is another one.
    """

    def __init__(self, config: PretrainedConfig, run: Run, workers: Workers) -> None:
        super().__init__(run.folder, "--classifier")
        self.workers = workers
        self.at_once = max(1, config.batch_size // workers.size)
        self.extractor = FeatureExtractor(
            config.classifier({"network": load_file(self.file)}),
            kind=config.trainable,
            frames=config.data.frames if isinstance(config.data, ClipSpec) else None,
            resize=config.resize,
            accuracy=None,  # not known yet, and not asked for
            device=workers.device,
        )
        self.check(self.extractor.weights, config.weights)

    def state(self) -> dict[str, Any]:
        """The weights."""
        return {"network": self.extractor.network.state_dict()}


class PretrainedC3DLearner(PretrainedClassifierLearner):
    """C3D as it was brought, and its accuracy on one clip of each held-out video."""

    best = Best("accuracy", "max")

    def __init__(self, config: PretrainedC3D, run: Run, workers: Workers) -> None:
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
