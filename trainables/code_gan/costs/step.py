"""Cost of a training step of stage 2 in the form that we run, for the plan's forecast."""

import torch

from retable.costs.flops import count_step
from retable.trial.step_cost import StepCost
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.critic import Critic
from trainables.code_gan.networks import build_discriminator, build_generator


def step_cost(config: CodeGANConfig) -> StepCost:
    """Count the operators of a step: n_critic updates of the discriminator and one of the generator. Encoding is not in it."""
    shape = config.shape
    with torch.device("meta"):
        generator = build_generator(shape)
        critic = Critic(build_discriminator(shape), lam=config.lam)

    def step(samples: int) -> None:
        z_NZ = torch.empty(samples, shape.z_dim, device="meta")
        for _ in range(config.n_critic):
            with torch.no_grad():
                fake_NCHW = generator(z_NZ)
            torch.autograd.backward(critic(torch.empty_like(fake_NCHW), fake_NCHW, z_NZ[:, 0]).loss)
        critic.deceived_by(generator(z_NZ))

    return count_step((generator, critic), step)
