"""Cost of a training step of TGANv2 in the form that we run, for the plan's forecast."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode

from retable.costs.flops import SIZES, count_step
from retable.trial.step_cost import StepCost
from trainables.parts.precision import widened
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.losses.critic import Critic, Verdict
from trainables.video_gan.modules.generator import Generator
from trainables.video_gan.networks import build_critic, build_generator, first_labels


def step_cost(config: VideoGANConfig) -> StepCost:
    """Counts the operators of a training step; nothing is computed or allocated.

    With batch sub-sampling by another stride than 2 it is a forecast: the counted batches leave parts of samples.
    """
    config = config.canonical()
    with _unreal(config.precision):
        generator = build_generator(config)
        critic = build_critic(config)
        batches = {samples: torch.empty(samples, config.z_dim) for samples in SIZES}

    def step(samples: int) -> None:
        for turn in reversed(range(config.n_dis)):
            _update(config, generator, critic, batches[samples], both=turn == 0)

    return count_step((generator, critic), step)


def _unreal(precision: str) -> AbstractContextManager[object]:
    """Makes tensors without content. Autocast does not see those of the meta device, which are ten times as fast; in
    bfloat16 they pass for the CPU's."""
    return torch.device("meta") if precision == "float32" else FakeTensorMode(allow_non_fake_inputs=True)


def _update(
    config: VideoGANConfig, generator: Generator, critic: Critic, z_NZ: Tensor, *, both: bool
) -> None:
    """A micro-batch as `trainables.video_gan.learner.VideoGANLearner` runs it, on videos without content."""
    generator.zero_grad()
    critic.zero_grad()
    labels_N = first_labels(config, len(z_NZ), z_NZ.device)
    with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
        with torch.set_grad_enabled(both):
            fakes = tuple(widened(video) for video in generator(z_NZ, (0, 0, 0), labels_N))
        reals = tuple(torch.empty_like(video) for video in fakes)
        frames_M = torch.zeros(2 * len(z_NZ), dtype=torch.int64, device=z_NZ.device)
        mix_N = torch.empty(len(z_NZ), device=z_NZ.device)
        verdict: Verdict = critic(reals, fakes, frames_M, labels_N, mix_N)
    if both:
        torch.autograd.backward(fakes, verdict.fake_gradients)
    verdict.backward()
