"""Stage 2 put together: its images, the encoder that was trained for it, and what scores its samples."""

from retable.data.samples.images import Images
from retable.evaluation.config import ImageEvaluation
from retable.evaluation.images import ImageEvaluator
from retable.trial.distributed import Workers
from retable.trial.run import Run
from retable.trial.trial import Trial
from trainables.code_gan.autoencoder.codec import Codec, trained_codec
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.encoding.codes import Codes, PlainImages, StoredCodes
from trainables.code_gan.encoding.learner import CodeWriter, copies
from trainables.code_gan.learner import CodeGANLearner


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
