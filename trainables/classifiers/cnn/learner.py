"""Training an image classifier."""

from retable.data.samples.images import Images
from retable.data.samples.pixels import to_model
from retable.trial.distributed import Workers
from retable.trial.run import Run
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.classifiers.learner import ClassifierLearner


class ImageClassifierLearner(ClassifierLearner):
    """The classifier of images; its accuracy is that of each held-out image, not mirrored."""

    def __init__(self, config: ImageClassifierConfig, seed: int, run: Run, workers: Workers) -> None:
        super().__init__(
            config,
            seed,
            workers,
            train=Images(run.data, config.data, "train", seed),
            test=Images(run.data, config.data, "test", seed),
            network=config.network,
            to_model=to_model,
            resize=config.resize,
        )
