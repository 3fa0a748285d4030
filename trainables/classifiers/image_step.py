"""Training a classifier of images, and its accuracy on the images held out."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from retable.data.images import Images
from retable.data.pixels import to_model
from retable.ddp import Workers, unwrapped
from retable.metrics.protocol import Protocol
from retable.run import Best, Run, Score
from trainables.classifiers.image_config import ImageClassifierConfig
from trainables.parts.initial import seeded_weights

EVALUATION_BATCH = 32  # images scored at once by a worker; changes no number beyond rounding


class ImageClassifierLearner:
    """Cross-entropy with Adam; every draw is keyed, so that any number of workers trains the same network."""

    best: ClassVar[Best] = Best("accuracy", "max")

    def __init__(self, config: ImageClassifierConfig, seed: int, run: Run, workers: Workers) -> None:
        self.config, self.workers = config, workers
        self.train, self.test = (Images(run.data, config.data, split, seed) for split in ("train", "test"))
        with seeded_weights(seed, "cnn-weights"):
            network = config.network(len(self.train.classes))
        self.network = workers.wrap(network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.lr)

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """One update on the global batch: the mean cross-entropy over it. Also tells the accuracy on it."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate(iteration)
        self.optimizer.zero_grad()
        loss = correct = torch.zeros((), device=self.workers.device)
        micros = self.workers.indices(config.batch_size, config.accumulate)
        for last, indices in enumerate(micros, 1):
            x_NCHW, labels_N = self._to_device(self.train.batch(iteration, indices))
            with self.workers.accumulating(*() if last == len(micros) else (self.network,)):
                logits_NK, _ = self.network(x_NCHW)
                part = functional.cross_entropy(logits_NK, labels_N) / len(micros)
                torch.autograd.backward(part)
            loss = loss + part.detach()
            correct = correct + (logits_NK.argmax(dim=1) == labels_N).float().mean() / len(micros)
        self.optimizer.step()
        return {"loss": loss, "train_accuracy": correct}

    @torch.no_grad()
    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """Accuracy on the held-out images; the final evaluation is the same."""
        del iteration, final
        network = unwrapped(self.network)
        right = torch.zeros(1, dtype=torch.int64, device=self.workers.device)
        share = self.workers.share(len(self.test))
        for start in range(0, len(share), EVALUATION_BATCH):
            batch = self.test.evaluation_batch(share[start : start + EVALUATION_BATCH])
            x_NCHW, labels_N = self._to_device(batch)
            right += (network(x_NCHW)[0].argmax(dim=1) == labels_N).sum()
        protocol = Protocol(
            family="accuracy",
            samples=len(self.test),
            data=self.test.fingerprint[:6],
            resize=self.config.resize.name,
            split="test",
        )
        return {protocol.name: Score(int(self.workers.gather(right).sum()) / len(self.test))}

    def samples(self) -> None:
        """A classifier has nothing to look at."""

    def state(self) -> dict[str, Any]:
        """Weights and Adam's moments."""
        return {"network": unwrapped(self.network).state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` gave."""
        unwrapped(self.network).load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _to_device(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        images_NCHW, labels_N = (tensor.to(self.workers.device) for tensor in batch)
        return to_model(images_NCHW), labels_N
