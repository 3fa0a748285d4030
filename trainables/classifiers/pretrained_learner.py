"""Base of the learners of pretrained classifiers."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from safetensors.torch import load_file
from torch import nn

from retable.data.decode.spec import ClipSpec, ImageSpec
from retable.evaluation.features import FeatureExtractor
from retable.evaluation.pretrained_learner import PretrainedLearner
from retable.evaluation.resize import Resize, Untouched
from retable.trial.distributed import Workers
from retable.trial.run import Run


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

    def __init__(self, config: PretrainedConfig, seed: int, run: Run, workers: Workers) -> None:
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
