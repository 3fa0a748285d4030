"""Cost of a training step of stage 1 in the form that we run, for the plan's forecast."""

import torch

from retable.costs.flops import count_step
from retable.trial.step_cost import StepCost
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.autoencoder.network import PatchDiscriminator, build_autoencoder
from trainables.code_gan.stages.objective import deception_loss, detection_loss, reconstruction_loss


def step_cost(config: AutoencoderConfig) -> StepCost:
    """Count the operators of a step."""
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
