"""The optimiser of both stages."""

import torch
from torch import nn

from trainables.code_gan.config import AutoencoderConfig, CodeGANConfig


def adam(config: AutoencoderConfig | CodeGANConfig, module: nn.Module) -> torch.optim.Adam:
    """Adam over the module's parameters; its rate stays the same."""
    return torch.optim.Adam(
        module.parameters(), lr=config.lr, betas=(config.beta1, config.beta2), eps=config.adam_eps, fused=True
    )
