"""Stage 1 in training: one reconstruction, from which the autoencoder and its discriminator take their steps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from retable.data.samples.images import Images
from retable.data.samples.pixels import to_model
from retable.evaluation.pretrained_learner import PretrainedLearner
from retable.trial.distributed import Workers, unwrapped
from retable.trial.learner import Best, Score
from retable.trial.run import Run
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.autoencoder.network import PatchDiscriminator, build_autoencoder
from trainables.code_gan.autoencoder.pretrained import PretrainedAutoencoder
from trainables.code_gan.autoencoder.scores import beside, reconstruction_scores
from trainables.code_gan.stages.images import HeldOutImages, TrainingImages
from trainables.code_gan.stages.objective import deception_loss, detection_loss, reconstruction_loss
from trainables.parts.adam import adam
from trainables.parts.initial import seeded_weights

PREVIEW = 18
"""Test images to look at, each with its reconstruction beside it."""

PARTS = ("encoder", "decoder")


class AutoencoderLearner:
    """F, H and the image discriminator in training.

    Args:
        train: images of the train split.
        test: images that reconstructions are scored on.
    """

    best: ClassVar[Best] = Best("mse01", "min")

    def __init__(
        self,
        config: AutoencoderConfig,
        seed: int,
        workers: Workers,
        *,
        train: TrainingImages,
        test: HeldOutImages,
    ) -> None:
        self.config, self.workers, self.train, self.test = config, workers, train, test
        with seeded_weights(seed, "autoencoder-weights"):
            network = build_autoencoder(config.code_divisor, config.code_channels, config.width)
            self.autoencoder = workers.wrap(network)
        self.adam = adam(config, self.autoencoder)
        if config.alpha:
            with seeded_weights(seed, "patch-discriminator-weights"):
                self.discriminator = workers.wrap(PatchDiscriminator(width=config.d_width))
            self.d_adam = adam(config, self.discriminator)

    @classmethod
    def of(cls, config: AutoencoderConfig, seed: int, run: Run, workers: Workers) -> Self:
        """Return the learner on the run's data set."""
        train, test = (Images(run.data, config.data, split, seed) for split in ("train", "test"))
        return cls(config, seed, workers, train=train, test=test)

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """One update of the autoencoder and of the discriminator, from the weights before either.

        Returns:
            loss_l1, and of the adversarial part loss_adv (without α) and loss_dis.
        """
        config, adversarial = self.config, self.config.alpha > 0
        self.adam.zero_grad()
        if adversarial:
            self.d_adam.zero_grad()
        means: dict[str, Tensor] = {}
        micros = self.workers.indices(config.batch_size, config.accumulate)
        for last, indices in enumerate(micros, 1):
            images, _ = self.train.batch(iteration, indices)
            x_NCHW = to_model(images.to(self.workers.device))
            wrapped = (self.autoencoder, *((self.discriminator,) if adversarial else ()))
            with self.workers.accumulating(*() if last == len(micros) else wrapped):
                for name, value in self._backward(x_NCHW, 1 / len(micros)).items():
                    means[name] = means.get(name, 0) + value / len(micros)
        self.adam.step()
        if adversarial:
            self.d_adam.step()
        return means

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """MSE and PSNR of test images at the size that it is trained on; the final evaluation is the same."""
        del iteration, final
        config, network = self.config, unwrapped(self.autoencoder)
        return reconstruction_scores(
            lambda x_NCHW, _: network(x_NCHW), self.test, config.scored, config.data.size, self.workers
        )

    def samples(self) -> np.ndarray:
        """Test images and their reconstructions by turns, uint8 (N, 1, 3, S, S)."""
        network = unwrapped(self.autoencoder)
        return beside(lambda x_NCHW, _: network(x_NCHW), self.test, PREVIEW, self.workers.device)

    def state(self) -> dict[str, Any]:
        """Weights and Adam's moments."""
        network = unwrapped(self.autoencoder)
        state: dict[str, Any] = {
            "encoder": network.encoder.state_dict(),
            "decoder": network.decoder.state_dict(),
            "adam": self.adam.state_dict(),
        }
        if self.config.alpha:
            state["discriminator"] = unwrapped(self.discriminator).state_dict()
            state["discriminator_adam"] = self.d_adam.state_dict()
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` gave."""
        network = unwrapped(self.autoencoder)
        network.encoder.load_state_dict(state["encoder"])
        network.decoder.load_state_dict(state["decoder"])
        self.adam.load_state_dict(state["adam"])
        if self.config.alpha:
            unwrapped(self.discriminator).load_state_dict(state["discriminator"])
            self.d_adam.load_state_dict(state["discriminator_adam"])

    def _backward(self, x_NCHW: Tensor, share: float) -> dict[str, Tensor]:
        """Gradients of both networks for a micro-batch that is such a share of the update; its losses."""
        y_NCHW = self.autoencoder(x_NCHW)
        judged_NCHW = y_NCHW.detach().requires_grad_()
        loss_l1 = reconstruction_loss(judged_NCHW, x_NCHW)
        (pull_NCHW,) = torch.autograd.grad(loss_l1 * share, judged_NCHW)
        losses = {"loss_l1": loss_l1.detach()}
        if self.config.alpha:
            loss_adv = deception_loss(unwrapped(self.discriminator)(judged_NCHW))
            pull_NCHW = pull_NCHW + torch.autograd.grad(loss_adv * self.config.alpha * share, judged_NCHW)[0]
            logits = self.discriminator(torch.cat([x_NCHW, y_NCHW.detach()]))
            loss_dis = detection_loss(logits[: len(x_NCHW)], logits[len(x_NCHW) :])
            torch.autograd.backward(loss_dis * share)
            losses |= {"loss_adv": loss_adv.detach(), "loss_dis": loss_dis.detach()}
        torch.autograd.backward(y_NCHW, pull_NCHW)
        return losses


class PretrainedAutoencoderLearner(PretrainedLearner):
    """Pretrained F and H.

    Args:
        folder: of the trial, into which the driver copied the file.
        images: test images that reconstructions are scored on.

    Raises:
        FileNotFoundError: there is no file in the folder.
        ValueError: the file there is another one.
    """

    best: ClassVar[Best] = Best("mse01", "min")

    def __init__(
        self, config: PretrainedAutoencoder, folder: Path, workers: Workers, images: HeldOutImages
    ) -> None:
        super().__init__(folder, "--encoder")
        self.config, self.workers, self.images = config, workers, images
        tensors = load_file(self.file, device=str(workers.device))
        self._state = {
            part: {
                name.removeprefix(f"{part}."): tensor
                for name, tensor in tensors.items()
                if name.startswith(f"{part}.")
            }
            for part in PARTS
        }
        self.codec = Codec.of(config, self._state)
        self.check(self.codec.weights, config.weights)

    @classmethod
    def of(cls, config: PretrainedAutoencoder, seed: int, run: Run, workers: Workers) -> Self:
        """Return the learner on the run's test images."""
        return cls(config, run.folder, workers, Images(run.data, config.data, "test", seed))

    def _measured(self) -> Mapping[str, Score]:
        """MSE and PSNR of test images."""
        config, codec = self.config, self.codec
        return reconstruction_scores(
            lambda x_NCHW, _: codec.decode(codec.encode(x_NCHW)),
            self.images,
            config.scored,
            config.data.size,
            self.workers,
        )

    def state(self) -> dict[str, Any]:
        """The weights."""
        return dict(self._state)
