"""Evaluator of a video GAN's clips, from the finished classifier that a run requires."""

from dataclasses import replace

from retable.data.samples.clips import Clips
from retable.evaluation.clips import ClipEvaluator
from retable.evaluation.config import Evaluation
from retable.evaluation.features import ClassifierConfig
from retable.trial.distributed import Workers
from retable.trial.run import Run
from retable.trial.trial import Trial


def scored_frames(evaluation: Evaluation, frames: int) -> int:
    """The classifier's length; `frames`, if the classifier has none (and is refused for that by the evaluator)."""
    classifier = evaluation.classifier
    return classifier.data.frames if isinstance(classifier, ClassifierConfig) else frames


def evaluator(evaluation: Evaluation, clips: Clips, run: Run, workers: Workers) -> ClipEvaluator:
    """The evaluator of generated clips.

    Args:
        clips: the train split; FID's real clips are cut from it as long as the generated ones that are scored.
        run: paths of the required trials.
    """
    spec = replace(clips.spec, frames=scored_frames(evaluation, clips.spec.frames))
    real = clips if spec == clips.spec else Clips(run.data, spec, "train", clips.seed)
    classifier = Trial(evaluation.classifier.canonical(), 0, run.fingerprint)
    return ClipEvaluator(evaluation, run.required(classifier.signature), real, workers)
