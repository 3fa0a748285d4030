"""Initial weights by Chainer's names and scales; biases start at zero. Fans include the kernel's area."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import nn

from retable.trial.random import stream

Layer: TypeAlias = nn.Linear | nn.Conv2d | nn.Conv3d


def glorot_uniform_(layer: Layer, gain: float = 1.0) -> None:
    """Weights uniform in ±gain·sqrt(6 / (fan_in + fan_out))."""
    nn.init.xavier_uniform_(layer.weight, gain)
    _zero_bias(layer)


def lecun_normal_(layer: Layer) -> None:
    """Weights normal with standard deviation sqrt(1 / fan_in)."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    _zero_bias(layer)


def he_normal_(layer: Layer, slope: float) -> None:
    """Weights normal with standard deviation sqrt(2 / (1 + slope²) / fan_in), for a leaky ReLU of that slope behind."""
    nn.init.kaiming_normal_(layer.weight, slope, nonlinearity="leaky_relu")
    _zero_bias(layer)


@contextmanager
def seeded_weights(seed: int, purpose: str) -> Iterator[None]:
    """torch's own random numbers as a function of (seed, purpose), for weights that are drawn inside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream(seed, purpose).integers(2**63)))
        yield


def _zero_bias(layer: Layer) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
