"""Training a classifier, and its accuracy on what is held out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from retable.evaluation.resize import Resize
from retable.metrics.protocol import Protocol as MetricName
from retable.trial.distributed import Workers, unwrapped
from retable.trial.learner import Best, Score
from trainables.parts.initial import seeded_weights

EVALUATION_BATCH = 32  # samples scored at once by a worker; changes no number beyond rounding


class Labelled(Protocol):
    """One split of a labelled data set: `retable.data.samples.clips.Clips` or `retable.data.samples.images.Images`."""

    classes: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int: ...
    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Training samples, uint8, and labels (N,)."""
        ...

    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The samples of those numbers, alike."""
        ...


def accuracy(
    logits_of: Callable[[Tensor], Tensor], test: Labelled, batch: int, resize: str, workers: Workers
) -> dict[str, Score]:
    """Accuracy on each held-out sample by its protocol's name; every rank calls it and gets the same.

    Args:
        logits_of: uint8 samples on the workers' device -> logits (n, K).
        test: the held-out samples.
        batch: samples classified at once by a worker.
        resize: name of the resizing, for the protocol.
    """
    right = torch.zeros(1, dtype=torch.int64, device=workers.device)
    share = workers.share(len(test))
    for start in range(0, len(share), batch):
        samples, labels_N = on_device(test.evaluation_batch(share[start : start + batch]), workers.device)
        right += (logits_of(samples).argmax(dim=1) == labels_N).sum()
    protocol = MetricName(
        family="accuracy", samples=len(test), data=test.fingerprint[:6], resize=resize, split="test"
    )
    return {protocol.name: Score(int(workers.gather(right).sum()) / len(test))}


def on_device(batch: tuple[Tensor, Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    """Samples and labels on a device."""
    samples, labels_N = (tensor.to(device, non_blocking=True) for tensor in batch)
    return samples, labels_N


class LearnedConfig(Protocol):
    """The config of a classifier that is trained here."""

    trainable: ClassVar[str]

    @property
    def batch_size(self) -> int: ...
    @property
    def accumulate(self) -> int: ...
    def learning_rate(self, iteration: int) -> float:
        """Adam's learning rate at an iteration, from 0."""
        ...


class ClassifierLearner:
    """A network under cross-entropy with Adam; every draw is keyed, so that any number of workers trains the same one.

    Args:
        train: what it learns.
        test: what its accuracy is taken on.
        network: a number of classes -> a fresh network, which gives logits and features.
        to_model: uint8 samples -> what the network takes.
        resize: how samples come to the network's size, for the protocol.
        beta2: Adam's decay of the mean squared gradient.
    """

    best: ClassVar = Best("accuracy", "max")

    def __init__(
        self,
        config: LearnedConfig,
        seed: int,
        workers: Workers,
        *,
        train: Labelled,
        test: Labelled,
        network: Callable[[int], nn.Module],
        to_model: Callable[[Tensor], Tensor],
        resize: Resize,
        beta2: float = 0.999,
    ) -> None:
        self.config, self.seed, self.workers = config, seed, workers
        self.train, self.test, self.to_model, self.resize = train, test, to_model, resize
        with seeded_weights(seed, f"{config.trainable}-weights"):
            fresh = network(len(train.classes))
        self.network = workers.wrap(fresh)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), betas=(0.9, beta2)
        )  # each step sets the rate

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """One update on the global batch: the mean cross-entropy over it, and the accuracy on it."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate(iteration)
        self.network.train()
        self.optimizer.zero_grad()
        loss = correct = torch.zeros((), device=self.workers.device)
        for last, share in enumerate(shares := self.workers.indices(config.batch_size, config.accumulate), 1):
            samples, labels_N = on_device(self.train.batch(iteration, share), self.workers.device)
            x = self.to_model(samples)
            with self.workers.accumulating(*() if last == len(shares) else (self.network,)):
                logits_NK = self._logits(x, iteration, share)
                part = functional.cross_entropy(logits_NK, labels_N) / len(shares)
                torch.autograd.backward(part)
            loss = loss + part.detach()
            correct = correct + (logits_NK.argmax(dim=1) == labels_N).float().mean() / len(shares)
        self.optimizer.step()
        return {"loss": loss, "train_accuracy": correct}

    @torch.no_grad()
    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """Accuracy on each held-out sample; the final evaluation is the same."""
        del iteration, final
        network = unwrapped(self.network).eval()
        return accuracy(
            lambda samples: network(self.to_model(samples))[0],
            self.test,
            EVALUATION_BATCH,
            self.resize.name,
            self.workers,
        )

    def samples(self) -> None:
        """Return no preview."""

    def state(self) -> dict[str, Any]:
        """Weights and Adam's moments."""
        return {
            "network": unwrapped(self.network).state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` gave."""
        unwrapped(self.network).load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _logits(self, x: Tensor, iteration: int, share: Sequence[int]) -> Tensor:
        """In training, of the samples of those global indices."""
        logits_NK: Tensor = self.network(x)[0]
        return logits_NK
