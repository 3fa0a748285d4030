"""A trial that trains nothing: a classifier that was brought, and its accuracy on the videos held out."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file
from torch import Tensor

from retable.data.clips import Clips, to_model
from retable.ddp import Workers
from retable.metrics.brought import FILE
from retable.metrics.features import FeatureExtractor
from retable.metrics.protocol import Protocol
from retable.run import Best, Run, Score
from trainables.classifiers.brought import BroughtC3D


class BroughtC3DLearner:
    """Fits the loop like any learner, so that what was brought is checked, scored and kept like what was trained.

    Raises:
        FileNotFoundError: the driver put no file into the trial's folder.
        ValueError: the file there is another one.
    """

    best: ClassVar = Best("accuracy", "max")

    def __init__(self, config: BroughtC3D, run: Run, workers: Workers) -> None:
        self.config, self.workers = config, workers
        path = run.folder / FILE
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing; give the file with --classifier FILE again")
        self._extractor = FeatureExtractor(
            config.classifier({"network": load_file(path)}),
            kind=config.trainable,
            frames=config.data.frames,
            resize=config.resize,
            accuracy=0.0,  # not known yet, and not asked for
            device=workers.device,
        )
        if self._extractor.weights != config.weights:
            raise ValueError(
                f"{path} must have the weights {config.weights[:12]}…, but has {self._extractor.weights[:12]}…; "
                "delete it and run the same command again"
            )
        self._test = Clips(run.data, config.data, "test", 0)
        self._scores: dict[str, Score] = {}

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """Nothing: the weights stay as they were brought."""
        return {}

    @torch.no_grad()
    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """Accuracy on one clip of each held-out video, resized as generated clips are. It is taken once."""
        del iteration, final
        if not self._scores:
            config = self.config
            right = torch.zeros(1, dtype=torch.int64, device=self.workers.device)
            share = self.workers.share(len(self._test))
            at_once = max(1, config.batch_size // self.workers.size)
            for start in range(0, len(share), at_once):
                clips, labels_N = self._test.evaluation_batch(share[start : start + at_once])
                logits_NK, _ = self._extractor.features(to_model(clips.to(self.workers.device)))
                right += (logits_NK.argmax(dim=1) == labels_N.to(self.workers.device)).sum()
            protocol = Protocol(
                family="accuracy",
                samples=len(self._test),
                data=self._test.fingerprint[:6],
                resize=config.resize.name,
                split="test",
            )
            accuracy = int(self.workers.gather(right).sum()) / len(self._test)
            self._scores = {protocol.name: Score(accuracy)}
        return self._scores

    def samples(self) -> None:
        """A classifier has nothing to look at."""

    def state(self) -> dict[str, Any]:
        """The weights."""
        return {"network": self._extractor.network.state_dict()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Nothing: every state of the trial has the weights of the file."""
