"""Training an image classifier."""

from retable.data.images import Images
from retable.data.pixels import to_model
from retable.ddp import Workers
from retable.run import Run
from trainables.classifiers.image_config import ImageClassifierConfig
from trainables.classifiers.step import ClassifierLearner


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
