"""Adam with a config's hyperparameters, and its ε where Chainer has it."""

import math
from typing import Protocol

import torch
from torch import nn


class AdamConfig(Protocol):
    """Hyperparameters of Adam, as the families' configs name them."""

    @property
    def lr(self) -> float: ...
    @property
    def beta1(self) -> float: ...
    @property
    def beta2(self) -> float: ...
    @property
    def adam_eps(self) -> float: ...


def adam(config: AdamConfig, module: nn.Module) -> torch.optim.Adam:
    """Adam over the module's parameters at the config's learning rate."""
    return torch.optim.Adam(
        module.parameters(), lr=config.lr, betas=(config.beta1, config.beta2), eps=config.adam_eps, fused=True
    )


def torch_eps(eps: float, beta2: float, update: int) -> float:
    """The ε to give torch's Adam at an update so that it takes Chainer's step.

    Chainer divides by sqrt(v) + ε before the bias correction (the ε̂ of Kingma & Ba, end of §2), torch by
    sqrt(v / (1 - β2^t)) + ε after it; the two agree if torch's ε is Chainer's over sqrt(1 - β2^t). With β2 = 0.9 that is
    3.2 times as large at the first update and the same to 1% from the 38th on.

    Args:
        eps: Chainer's.
        beta2: decay of the mean squared gradient.
        update: t, from 1.
    """
    return eps / math.sqrt(1 - beta2**update)
