"""Training a classifier of clips, and its accuracy on the videos held out."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from retable.data.clips import Clips, to_model
from retable.ddp import Workers, unwrapped
from retable.metrics.protocol import Protocol
from retable.run import Best, Run, Score
from retable.streams import stream
from trainables.classifiers.config import C3DConfig

EVALUATION_BATCH = 32  # videos scored at once by a worker; changes no number beyond rounding


class C3DLearner:
    """C3D under cross-entropy with Adam; every draw is keyed, so that any number of workers trains the same network."""

    best: ClassVar = Best("accuracy", "max")

    def __init__(self, config: C3DConfig, seed: int, run: Run, workers: Workers) -> None:
        self.config, self.seed, self.workers = config, seed, workers
        self.train = Clips(run.data, config.data, "train", seed)
        self.test = Clips(run.data, config.data, "test", seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(stream(seed, "c3d-weights").integers(2**63)))
            network = config.network(len(self.train.classes))
        self.network = workers.wrap(network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.lr, betas=(0.9, config.beta2))

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """One update on the global batch: the mean cross-entropy over it. Also tells the accuracy on it."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate(iteration)
        self.network.train()
        self.optimizer.zero_grad()
        loss = correct = torch.zeros((), device=self.workers.device)
        for last, share in enumerate(shares := self.workers.indices(config.batch_size, config.accumulate), 1):
            x_NCTHW, labels_N = self._to_device(self.train.batch(iteration, share))
            with self.workers.accumulating(*() if last == len(shares) else (self.network,)):
                logits_NK, _ = self.network(x_NCTHW, self._masks(iteration, share))
                part = functional.cross_entropy(logits_NK, labels_N) / len(shares)
                torch.autograd.backward(part)
            loss = loss + part.detach()
            correct = correct + (logits_NK.argmax(dim=1) == labels_N).float().mean() / len(shares)
        self.optimizer.step()
        return {"loss": loss, "train_accuracy": correct}

    @torch.no_grad()
    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """Accuracy on one clip of each held-out video; the final evaluation is the same."""
        del iteration, final
        network = unwrapped(self.network).eval()
        right = torch.zeros(1, dtype=torch.int64, device=self.workers.device)
        share = self.workers.share(len(self.test))
        for start in range(0, len(share), EVALUATION_BATCH):
            batch = self.test.evaluation_batch(share[start : start + EVALUATION_BATCH])
            x_NCTHW, labels_N = self._to_device(batch)
            logits_NK, _ = network(x_NCTHW)
            right += (logits_NK.argmax(dim=1) == labels_N).sum()
        protocol = Protocol(
            family="accuracy",
            samples=len(self.test),
            data=self.test.fingerprint[:6],
            resize=f"bilinear{self.config.data.size}",
            split="test",
        )
        return {protocol.name: Score(int(self.workers.gather(right).sum()) / len(self.test))}

    def samples(self) -> None:
        """A classifier has nothing to look at."""

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

    def _to_device(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        clips_NTCHW, labels_N = (tensor.to(self.workers.device, non_blocking=True) for tensor in batch)
        return to_model(clips_NTCHW), labels_N

    def _masks(self, iteration: int, share: Sequence[int]) -> Tensor | None:
        """Inverted dropout's factors (N, 2, F), keyed by sample."""
        drop = self.config.dropout
        if drop == 0:
            return None
        shape = (2, self.config.fc)
        kept = [stream(self.seed, "c3d-dropout", iteration, index).random(shape) >= drop for index in share]
        return torch.from_numpy(np.stack(kept)).to(self.workers.device) / (1 - drop)
