"""C3D in training on clips, and a pretrained one."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from retable.data.samples.clips import Clips, to_model
from retable.trial.distributed import Workers
from retable.trial.learner import Best, Score
from retable.trial.random import stream
from retable.trial.run import Run
from trainables.classifiers.c3d.config import C3DConfig
from trainables.classifiers.c3d.pretrained import PretrainedC3D
from trainables.classifiers.learner import ClassifierLearner, accuracy
from trainables.classifiers.pretrained_learner import PretrainedClassifierLearner


class C3DLearner(ClassifierLearner):
    """C3D on random clips, with dropout; its accuracy is that of one clip of each held-out video."""

    def __init__(self, config: C3DConfig, seed: int, run: Run, workers: Workers) -> None:
        super().__init__(
            config,
            seed,
            workers,
            train=Clips(run.data, config.data, "train", seed),
            test=Clips(run.data, config.data, "test", seed),
            network=config.network,
            to_model=to_model,
            resize=config.resize,
            beta2=config.beta2,
        )
        self.drop, self.fc = config.dropout, config.fc

    def _logits(self, x: Tensor, iteration: int, share: Sequence[int]) -> Tensor:
        logits_NK: Tensor = self.network(x, self._masks(iteration, share))[0]
        return logits_NK

    def _masks(self, iteration: int, share: Sequence[int]) -> Tensor | None:
        """Inverted dropout's factors (N, 2, F), keyed by sample."""
        if self.drop == 0:
            return None
        shape = (2, self.fc)
        kept = [
            stream(self.seed, "c3d-dropout", iteration, index).random(shape) >= self.drop for index in share
        ]
        return torch.from_numpy(np.stack(kept)).to(self.workers.device) / (1 - self.drop)


class PretrainedC3DLearner(PretrainedClassifierLearner):
    """A pretrained C3D and its accuracy on one clip of each held-out video."""

    best = Best("accuracy", "max")

    def __init__(self, config: PretrainedC3D, seed: int, run: Run, workers: Workers) -> None:
        super().__init__(config, seed, run, workers)
        self._test = Clips(run.data, config.data, "test", 0)

    def _measured(self) -> dict[str, Score]:
        return accuracy(
            lambda clips: self.extractor.features(to_model(clips))[0],
            self._test,
            self.at_once,
            self.extractor.resize,
            self.workers,
        )
