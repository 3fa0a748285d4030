"""Stage 2 put together: its images, the encoder that was trained for it, and what scores its samples."""

from retable.data.images import Images
from retable.ddp import Workers
from retable.metrics.evaluate_images import ImageEvaluator
from retable.metrics.image_evaluation import ImageEvaluation
from retable.run import Run
from retable.trial import Trial
from trainables.code_gan.codec import Codec, trained_codec
from trainables.code_gan.codes import Codes, PlainImages, StoredCodes
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.encoding_step import CodeWriter, copies
from trainables.code_gan.step import CodeGANLearner


def assembled(config: CodeGANConfig, seed: int, run: Run, workers: Workers) -> CodeGANLearner:
    """The learner of that config on this worker.

    Raises:
        FileNotFoundError: the encoder or the classifier is not trained yet.
        DataError: the stored codes are damaged, or not of this encoder and these images.
    """
    images = Images(run.data, config.data, "train", seed)
    scorer = judge(config.evaluation, images, run, workers)
    codec = decoder(config, run, workers)
    codes: Codes = PlainImages(images, workers.device)
    if config.codes is not None and codec is not None:
        folder = run.required(Trial(config.codes, 0, run.fingerprint).signature)
        stored = CodeWriter(config.codes, run, folder, images, codec).whole(workers)
        codes = StoredCodes(stored, images, copies(config.data))
    return CodeGANLearner(config, seed, workers, codes=codes, codec=codec, scorer=scorer)


def decoder(config: CodeGANConfig, run: Run, workers: Workers) -> Codec | None:
    """The autoencoder that decodes what is generated; None before acceleration."""
    if not config.accelerate or config.encoder is None:
        return None
    return trained_codec(config.encoder, 0, run, workers.device)


def judge(evaluation: ImageEvaluation, images: Images, run: Run, workers: Workers) -> ImageEvaluator:
    """What scores generated images against these, with the finished classifier of the evaluation."""
    classifier = Trial(evaluation.classifier.canonical(), 0, run.fingerprint)
    return ImageEvaluator(evaluation, run.required(classifier.signature), images, workers)
