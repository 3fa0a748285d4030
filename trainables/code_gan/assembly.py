"""Stage 2 put together: its images, the encoder that was trained for it, and what scores its samples."""

from retable.data.images import Images
from retable.ddp import Workers
from retable.metrics.evaluate_images import ImageEvaluator
from retable.run import Run
from retable.trial import Trial
from trainables.code_gan.codec import Codec, trained_codec
from trainables.code_gan.codes import Codes, EncodedImages, PlainImages
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.step import CodeGANLearner


def assembled(config: CodeGANConfig, seed: int, run: Run, workers: Workers) -> CodeGANLearner:
    """The learner of that config on this worker.

    Raises:
        FileNotFoundError: the encoder or the classifier is not trained yet.
    """
    images = Images(run.data, config.data, "train", seed)
    classifier = Trial(config.evaluation.classifier.canonical(), 0, run.fingerprint)
    scorer = ImageEvaluator(config.evaluation, run.required(classifier.signature), images, workers)
    codec: Codec | None = None
    codes: Codes = PlainImages(images, workers.device)
    if config.accelerate and config.encoder is not None:
        codec = trained_codec(config.encoder, 0, run, workers.device)
        codes = EncodedImages(images, codec, workers.device)
    return CodeGANLearner(config, seed, workers, codes=codes, codec=codec, scorer=scorer)
