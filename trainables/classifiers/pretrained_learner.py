"""Base of the learners of pretrained classifiers."""

from typing import Any, ClassVar, Protocol

from safetensors.torch import load_file

from retable.data.decode.spec import ClipSpec
from retable.evaluation.features import ClassifierConfig, FeatureExtractor
from retable.evaluation.pretrained_learner import PretrainedLearner
from retable.trial.distributed import Workers
from retable.trial.run import Run


class PretrainedClassifierConfig(ClassifierConfig, Protocol):
    """Config of a pretrained classifier: `PretrainedC3D` or `Inception`."""

    trainable: ClassVar[str]

    @property
    def weights(self) -> str: ...
    @property
    def batch_size(self) -> int: ...


class PretrainedClassifierLearner(PretrainedLearner):
    """A pretrained classifier; held-out samples are resized as generated ones are.

    Raises:
        FileNotFoundError: there is no file in the trial's folder.
        ValueError: the file there is another one.
    """

    def __init__(self, config: PretrainedClassifierConfig, seed: int, run: Run, workers: Workers) -> None:
        super().__init__(run.folder, "--classifier")
        self.workers = workers
        self.at_once = max(1, config.batch_size // workers.size)
        self.extractor = FeatureExtractor(
            config.classifier({"network": load_file(self.file)}),
            kind=config.trainable,
            frames=config.data.frames if isinstance(config.data, ClipSpec) else None,
            resize=config.resize,
            accuracy=None,  # not known yet, and not needed
            device=workers.device,
        )
        self.check(self.extractor.weights, config.weights)

    def state(self) -> dict[str, Any]:
        """The weights."""
        return {"network": self.extractor.network.state_dict()}
