"""What a training step of each stage takes in the form that we run, for the plan's forecast."""

import torch

from retable.costs.flops import count_step
from retable.trial.step_cost import StepCost
from trainables.code_gan.autoencoder.network import PatchDiscriminator, build_autoencoder
from trainables.code_gan.config import AutoencoderConfig, CodeGANConfig
from trainables.code_gan.critic import Critic
from trainables.code_gan.networks import build_discriminator, build_generator
from trainables.code_gan.stages.objective import deception_loss, detection_loss, reconstruction_loss


def code_gan_step_cost(config: CodeGANConfig) -> StepCost:
    """Counts the operators of stage 2's step: n_critic updates of the discriminator and one of the generator."""
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


def autoencoder_step_cost(config: AutoencoderConfig) -> StepCost:
    """Counts the operators of stage 1's step."""
    with torch.device("meta"):
        autoencoder = build_autoencoder(config.code_divisor, config.code_channels, config.width)
        discriminator = PatchDiscriminator(width=config.d_width)

    def step(samples: int) -> None:
        x_NCHW = torch.empty(samples, 3, config.data.size, config.data.size, device="meta")
        y_NCHW = autoencoder(x_NCHW)
        loss = reconstruction_loss(y_NCHW, x_NCHW)
        if config.alpha:
            judged_NCHW = y_NCHW.detach().requires_grad_()
            torch.autograd.grad(deception_loss(discriminator(judged_NCHW)), judged_NCHW)
            logits = discriminator(torch.cat([x_NCHW, y_NCHW.detach()]))
            torch.autograd.backward(detection_loss(logits[:samples], logits[samples:]))
        torch.autograd.backward(loss)

    return count_step((autoencoder, discriminator) if config.alpha else (autoencoder,), step)
