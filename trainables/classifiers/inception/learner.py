"""Pretrained Inception-v3, and the Inception score of held-out images."""

import torch

from retable.data.samples.images import Images
from retable.data.samples.pixels import to_model
from retable.data.samples.split import spread
from retable.metrics.inception_score import inception_score
from retable.metrics.protocol import Protocol
from retable.trial.distributed import Workers
from retable.trial.learner import Best, Score
from retable.trial.run import Run
from trainables.classifiers.inception.config import Inception
from trainables.classifiers.pretrained_learner import PretrainedClassifierLearner


class InceptionLearner(PretrainedClassifierLearner):
    """Pretrained Inception-v3. Raises as `PretrainedClassifierLearner` does, and without the extra."""

    best = Best("is", "max")

    def __init__(self, config: Inception, seed: int, run: Run, workers: Workers) -> None:
        super().__init__(config, seed, run, workers)
        self._images, self._scored = Images(run.data, config.data, "test", 0), config.scored

    def _measured(self) -> dict[str, Score]:
        chosen = spread(self._scored, len(self._images))
        share = self.workers.share(len(chosen))
        logits = []
        for start in range(0, len(share), self.at_once):
            numbers = [chosen[i] for i in share[start : start + self.at_once]]
            images, _ = self._images.evaluation_batch(numbers)
            logits.append(self.extractor.features(to_model(images.to(self.workers.device)))[0])
        logits_NK = self.workers.gather(torch.cat(logits))
        protocol = Protocol(
            family="is",
            samples=len(chosen),
            data=self._images.fingerprint[:6],
            resize=self.extractor.resize,
            classifier=self.extractor.name,
            splits=1,
        )
        return {protocol.name: Score(inception_score(logits_NK))}
