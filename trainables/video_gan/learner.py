"""TGANv2 in training: one generated batch and one pass of the discriminator give both networks their steps."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from retable.data.samples.clips import Clips, to_model, to_uint8
from retable.evaluation.clips import ClipEvaluator
from retable.trial.distributed import Workers, unwrapped
from retable.trial.learner import Best, Score
from retable.trial.run import Run
from trainables.parts.adam import adam, torch_eps
from trainables.parts.initial import seeded_weights
from trainables.parts.precision import widened
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.evaluators import evaluator, scored_frames
from trainables.video_gan.losses.critic import Verdict
from trainables.video_gan.modules.pyramid import pyramid
from trainables.video_gan.networks import build_critic, build_generator
from trainables.video_gan.random_draws import (
    discriminated_frames,
    labels,
    mixtures,
    noise,
    own_offsets,
    shared_offsets,
)

PREVIEW = 36
"""Clips to look at, 6 × 6 as the authors' previews; of a conditional model, each column has one class."""
PREVIEW_COLUMNS = 6
PREVIEW_BATCH = 4


class VideoGANLearner:
    """TGANv2 and its baselines in training.

    Args:
        clips: the train split, if it is at hand.
    """

    best: ClassVar[Best] = Best("is", "max")

    def __init__(
        self,
        config: VideoGANConfig,
        seed: int,
        run: Run,
        workers: Workers,
        *,
        clips: Clips | None = None,
    ) -> None:
        if config.precision == "bfloat16" and workers.device.type == "cpu":
            raise ValueError(
                "precision='bfloat16' needs a GPU: on the CPU oneDNN's kernel gradients are not to be trusted in it; "
                "use precision='float32'"
            )
        _refuse_unequal_parts(config, workers)
        self.config, self.seed, self.run, self.workers = config, seed, run, workers
        self.clips = Clips(run.data, config.data, "train", seed) if clips is None else clips
        with seeded_weights(seed, "generator-weights"):
            self.generator = workers.wrap(build_generator(config))
        with seeded_weights(seed, "discriminator-weights"):
            self.critic = workers.wrap(build_critic(config, share=1 / config.accumulate))
        self.generator_adam = adam(config, self.generator)
        self.critic_adam = adam(config, self.critic)

    def step(self, iteration: int) -> Mapping[str, Tensor]:
        """One update of both networks, from the weights before either, and n_dis - 1 more of the discriminator.

        Returns:
            of the former: loss_gen, loss_dis, loss_gp (with its weight), and the mean logits of real and generated
            videos by level.
        """
        scalars = self._update(iteration, 0)
        for turn in range(1, self.config.n_dis):
            self._update(iteration, turn)
        return scalars

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """IS and FID of dense videos, from the same noise at every snapshot.

        They are as long as the classifier's clips: of a model trained on longer ones the first frames are scored, and one
        trained on shorter ones goes on.
        """
        del iteration
        return self._evaluator.scores(self._dense, final=final)

    def samples(self) -> np.ndarray:
        """36 dense clips, uint8 (36, T, 3, H, W)."""
        batches, frames = [], self.config.frames
        for start in range(0, PREVIEW, PREVIEW_BATCH):
            indices = range(start, start + PREVIEW_BATCH)
            columns_N = torch.tensor(indices) % PREVIEW_COLUMNS
            labels_N = columns_N * self.config.classes // PREVIEW_COLUMNS  # spread over all classes
            batches.append(self._generate("preview-z", 0, indices, labels_N, frames))
        return torch.cat([to_uint8(batch).cpu() for batch in batches]).numpy()

    def state(self) -> dict[str, Any]:
        """Weights, running statistics and Adam's moments; the random streams need no state."""
        return {
            "generator": unwrapped(self.generator).state_dict(),
            "discriminator": unwrapped(self.critic).discriminator.state_dict(),
            "generator_adam": self.generator_adam.state_dict(),
            "discriminator_adam": self.critic_adam.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` gave."""
        unwrapped(self.generator).load_state_dict(state["generator"])
        unwrapped(self.critic).discriminator.load_state_dict(state["discriminator"])
        self.generator_adam.load_state_dict(state["generator_adam"])
        self.critic_adam.load_state_dict(state["discriminator_adam"])

    def _update(self, iteration: int, turn: int) -> dict[str, Tensor]:
        """Turn 0 updates both networks, later turns the discriminator only; each has its own batch."""
        config, update = self.config, iteration * self.config.n_dis + turn
        both = turn == 0
        self.generator.train()
        self.generator_adam.zero_grad()
        self.critic_adam.zero_grad()
        means: dict[str, Tensor] = {}
        micros = self.workers.indices(config.batch_size, config.accumulate)
        for micro, indices in enumerate(micros):
            waiting = () if micro == len(micros) - 1 else (self.generator, self.critic)
            clips, labels_N = self.clips.batch(update, indices)
            own_N = self._labels(labels_N)
            with self.workers.accumulating(*waiting):
                fakes = self._fakes(update, micro, indices, own_N, graph=both)
                verdict = self._verdict(update, micro, indices, clips, own_N, fakes)
                if both:
                    torch.autograd.backward(fakes, verdict.fake_gradients)
                verdict.backward()
            for name, value in _scalars(verdict, config.levels).items():
                means[name] = means.get(name, 0) + value / len(micros)
        if both:
            self._take(self.generator_adam, iteration, iteration + 1)
        self._take(self.critic_adam, iteration, update + 1)
        return means

    def _fakes(
        self, update: int, micro: int, indices: Sequence[int], labels_N: Tensor | None, *, graph: bool
    ) -> tuple[Tensor, ...]:
        """Training videos of that micro-batch, of the real clips' classes if they have any: float32 at least."""
        config = self.config
        offsets = shared_offsets(self.seed, update, micro, config.offset_counts)
        z_NZ = self._noise("z", update, indices)
        generator = self.generator if graph else unwrapped(self.generator)
        with torch.set_grad_enabled(graph), self._precision():
            return tuple(widened(video) for video in generator(z_NZ, offsets, labels_N))

    def _verdict(
        self,
        update: int,
        micro: int,
        indices: Sequence[int],
        clips: Tensor,
        labels_N: Tensor | None,
        fakes: Sequence[Tensor],
    ) -> Verdict:
        """The discriminator's verdict on that micro-batch's clips and generated videos."""
        config, device = self.config, self.workers.device
        offsets_NS = own_offsets(self.seed, update, indices, config.offset_counts).to(device)
        x_NCTHW = to_model(clips.to(device))
        reals = pyramid(x_NCTHW, config.strides, offsets_NS, config.levels, config.batch_strides)
        judged = discriminated_frames(self.seed, update, micro, config.frames_by_level[-1])
        frames_M = torch.tensor(judged, device=device).repeat_interleave(len(indices))
        mix_N = mixtures(self.seed, update, indices).to(device) if config.penalty == "wgan-gp" else None
        with self._precision():
            verdict: Verdict = self.critic(reals, fakes, frames_M, labels_N, mix_N)
            return verdict

    def _take(self, adam: torch.optim.Adam, iteration: int, update: int) -> None:
        """Step with the learning rate of that iteration and the ε of that update."""
        config = self.config
        for group in adam.param_groups:
            group["lr"] = config.lr * (1 - iteration / config.iterations if config.lr_decay else 1)
            group["eps"] = torch_eps(config.adam_eps, config.beta2, update)
        adam.step()

    def _dense(self, indices: Sequence[int], repeat: int) -> Tensor:
        labels_N = None
        if self.config.conditional:
            labels_N = labels(self.seed, "evaluation-label", repeat, indices, self._label_pool)
        return self._generate(
            "evaluation-z",
            repeat,
            indices,
            labels_N,
            scored_frames(self.config.evaluation, self.config.frames),
        )

    def _generate(
        self, purpose: str, position: int, indices: Sequence[int], labels_N: Tensor | None, frames: int
    ) -> Tensor:
        generator, z_NZ = unwrapped(self.generator).eval(), self._noise(purpose, position, indices)
        return generator.generate(z_NZ, self._labels(labels_N), frames=frames)

    def _labels(self, labels_N: Tensor | None) -> Tensor | None:
        """The labels on the device; None for an unconditional model."""
        return labels_N.to(self.workers.device) if self.config.conditional and labels_N is not None else None

    def _noise(self, purpose: str, position: int, indices: Sequence[int]) -> Tensor:
        return noise(self.seed, purpose, position, indices, self.config.z_dim).to(self.workers.device)

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(
            self.workers.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"
        )

    @cached_property
    def _label_pool(self) -> Sequence[int]:
        """Labels that an evaluation draws from."""
        uniform = self.config.evaluation.labels == "uniform"
        return range(self.config.classes) if uniform else self.clips.labels

    @cached_property
    def _evaluator(self) -> ClipEvaluator:
        return evaluator(self.config.canonical().evaluation, self.clips, self.run, self.workers)


def _refuse_unequal_parts(config: VideoGANConfig, workers: Workers) -> None:
    """Every worker must hold as many samples of each level as any other, and those that one worker would keep."""
    part, one_in = config.batch_size // config.accumulate // workers.size, config.one_in[-1]
    if workers.size > 1 and part % one_in:
        raise ValueError(
            f"with batch_stride={config.batch_stride} level 4 has one of {one_in} samples, so each worker must hold a "
            f"multiple of {one_in} of a micro-batch, but it holds {part} (batch_size={config.batch_size}, "
            f"accumulate={config.accumulate}, workers={workers.size}); use fewer workers"
        )


def _scalars(verdict: Verdict, levels: Sequence[int]) -> dict[str, Tensor]:
    """Scalars that a step reports, on the device."""
    logits = {"real": verdict.real, "fake": verdict.fake}
    return {
        "loss_gen": verdict.loss_gen,
        "loss_dis": verdict.loss_dis,
        "loss_gp": verdict.loss_gp,
        **{
            f"logit_{whose}_{level}": judged_N.mean()
            for whose, judged in logits.items()
            for level, judged_N in zip(levels, judged, strict=True)
        },
    }
