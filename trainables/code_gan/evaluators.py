"""Evaluator of generated images, and the decoder of generated codes, from the finished trials that a run requires."""

from retable.data.samples.images import Images
from retable.evaluation.config import ImageEvaluation
from retable.evaluation.images import ImageEvaluator
from retable.trial.distributed import Workers
from retable.trial.run import Run
from retable.trial.trial import Trial
from trainables.code_gan.autoencoder.codec import Codec, trained_codec
from trainables.code_gan.config import CodeGANConfig


def decoder(config: CodeGANConfig, run: Run, workers: Workers) -> Codec | None:
    """The autoencoder that decodes generated codes; None before acceleration."""
    if not config.accelerate or config.encoder is None:
        return None
    return trained_codec(config.encoder, 0, run, workers.device)


def evaluator(evaluation: ImageEvaluation, images: Images, run: Run, workers: Workers) -> ImageEvaluator:
    """The evaluator of generated images, with the finished classifier of the evaluation.

    Args:
        images: the train split, which generated images are compared with.
        run: paths of the required trials.
    """
    classifier = Trial(evaluation.classifier.canonical(), 0, run.fingerprint)
    return ImageEvaluator(evaluation, run.required(classifier.signature), images, workers)
