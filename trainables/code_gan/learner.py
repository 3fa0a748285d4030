"""Stage 2 in training: a WGAN-GP over codes or images."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from retable.data.samples.images import Images
from retable.trial.distributed import Workers, unwrapped
from retable.trial.learner import Best, Score
from retable.trial.run import Run
from retable.trial.trial import Trial
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.critic import Critic, Verdict
from trainables.code_gan.encoding.codes import Codes, StoredCodes, UnencodedImages
from trainables.code_gan.encoding.learner import CodeWriter, copies
from trainables.code_gan.evaluators import decoder, evaluator
from trainables.code_gan.networks import build_discriminator, build_generator
from trainables.code_gan.random_draws import mixes, noise
from trainables.code_gan.synthesis import Synthesis, preview
from trainables.parts.adam import adam
from trainables.parts.initial import seeded_weights

Generate = Callable[[Sequence[int], int], Tensor]
"""(global sample indices, repeat) -> images (n, 3, S, S) in [-1, 1], the same for the same index and repeat."""


class Scorer(Protocol):
    """Evaluator of generated images."""

    def scores(self, generate: Generate, *, final: bool) -> Mapping[str, Score]:
        """Scores by protocol name, the same on all ranks; every rank calls it."""
        ...


class CodeGANLearner:
    """The code GAN, and the image GAN that it accelerates: they differ in what `codes` gives and `codec` is.

    Args:
        codes: training samples.
        codec: decodes what is generated; None before acceleration.
        scorer: scores generated images.
    """

    best: ClassVar[Best] = Best("fid", "min")

    def __init__(
        self,
        config: CodeGANConfig,
        seed: int,
        workers: Workers,
        *,
        codes: Codes,
        codec: Codec | None,
        scorer: Scorer,
    ) -> None:
        if config.accelerate != (codec is not None):
            raise ValueError(
                f"a codec is needed to decode codes, and only then, but got accelerate={config.accelerate} and "
                f"codec={codec}"
            )
        self.config, self.seed, self.workers = config, seed, workers
        self.codes, self.scorer = codes, scorer
        with seeded_weights(seed, "generator-weights"):
            self.generator = workers.wrap(build_generator(config.shape))
        with seeded_weights(seed, "discriminator-weights"):
            self.critic = workers.wrap(Critic(build_discriminator(config.shape), lam=config.lam))
        self.average = deepcopy(unwrapped(self.generator)).requires_grad_(requires_grad=False)
        self.synthesis = Synthesis(self.average, codec)
        self.generator_adam = adam(config, self.generator)
        self.critic_adam = adam(config, self.critic)

    @classmethod
    def of(cls, config: CodeGANConfig, seed: int, run: Run, workers: Workers) -> Self:
        """Return the learner on the run's data set, with the trained encoder and classifier.

        Raises:
            FileNotFoundError: the encoder or the classifier is not trained yet.
            DataError: the stored codes are damaged, or not of this encoder and these images.
        """
        images = Images(run.data, config.data, "train", seed)
        scorer = evaluator(config.evaluation, images, run, workers)
        codec = decoder(config, run, workers)
        codes: Codes = UnencodedImages(images, workers.device)
        if config.codes is not None and codec is not None:
            folder = run.required(Trial(config.codes, 0, run.fingerprint).signature)
            stored = CodeWriter(config.codes, run, folder, images, codec).whole(workers)
            codes = StoredCodes(stored, images, copies(config.data))
        return cls(config, seed, workers, codes=codes, codec=codec, scorer=scorer)

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """n_critic updates of the discriminator, each on its own batch, then one of the generator and its average.

        Returns:
            of the last of the former: loss_dis, loss_gp (with its weight), and the mean logits logit_real and
            logit_fake; of the latter: loss_gen.
        """
        n_critic, scalars = self.config.n_critic, {}
        for update in range(iteration * n_critic, (iteration + 1) * n_critic):
            scalars = self._update_critic(update)
        return scalars | self._update_generator(iteration)

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """Scores of images from the averaged generator, from the same noise at every snapshot."""
        del iteration
        return self.scorer.scores(self._images, final=final)

    def samples(self) -> np.ndarray:
        """36 images, uint8 (36, 1, 3, S, S)."""
        return preview(lambda indices: self._generate("preview-z", 0, indices))

    def state(self) -> dict[str, Any]:
        """Weights, their average and Adam's moments; the random streams need no state."""
        return {
            "generator": unwrapped(self.generator).state_dict(),
            "average": self.average.state_dict(),
            "discriminator": unwrapped(self.critic).discriminator.state_dict(),
            "generator_adam": self.generator_adam.state_dict(),
            "discriminator_adam": self.critic_adam.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` gave."""
        unwrapped(self.generator).load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        unwrapped(self.critic).discriminator.load_state_dict(state["discriminator"])
        self.generator_adam.load_state_dict(state["generator_adam"])
        self.critic_adam.load_state_dict(state["discriminator_adam"])

    def _update_critic(self, update: int) -> dict[str, Tensor]:
        """One update of the discriminator."""
        self.critic_adam.zero_grad()
        means: dict[str, Tensor] = {}
        micros = self.workers.indices(self.config.batch_size, self.config.accumulate)
        for last, indices in enumerate(micros, 1):
            real_NCHW = self.codes.batch(update, indices).to(self.workers.device)
            mix_N = mixes(self.seed, update, indices).to(self.workers.device)
            with torch.no_grad():
                fake_NCHW = unwrapped(self.generator)(self._noise("critic-z", update, indices))
            with self.workers.accumulating(*() if last == len(micros) else (self.critic,)):
                verdict: Verdict = self.critic(real_NCHW, fake_NCHW, mix_N)
                torch.autograd.backward(verdict.loss / len(micros))
            for name in ("loss_dis", "loss_gp", "logit_real", "logit_fake"):
                means[name] = means.get(name, 0) + getattr(verdict, name) / len(micros)
        self.critic_adam.step()
        return means

    def _update_generator(self, iteration: int) -> dict[str, Tensor]:
        """One update of the generator, and of its average."""
        self.generator_adam.zero_grad()
        loss = torch.zeros((), device=self.workers.device)
        micros = self.workers.indices(self.config.batch_size, self.config.accumulate)
        for last, indices in enumerate(micros, 1):
            with self.workers.accumulating(*() if last == len(micros) else (self.generator,)):
                fake_NCHW = self.generator(self._noise("generator-z", iteration, indices))
                part = unwrapped(self.critic).deceived_by(fake_NCHW, share=1 / len(micros))
            loss = loss + part / len(micros)
        self.generator_adam.step()
        self._update_average()
        return {"loss_gen": loss}

    @torch.no_grad()
    def _update_average(self) -> None:
        """The average moves by 1 - ema towards the weights."""
        pairs = zip(self.average.parameters(), unwrapped(self.generator).parameters(), strict=True)
        for averaged, parameter in pairs:
            averaged.lerp_(parameter, 1 - self.config.ema)

    def _images(self, indices: Sequence[int], repeat: int) -> Tensor:
        return self._generate("evaluation-z", repeat, indices)

    def _generate(self, purpose: str, position: int, indices: Sequence[int]) -> Tensor:
        return self.synthesis(self._noise(purpose, position, indices))

    def _noise(self, purpose: str, position: int, indices: Sequence[int]) -> Tensor:
        return noise(self.seed, purpose, position, indices, self.config.z_dim).to(self.workers.device)
