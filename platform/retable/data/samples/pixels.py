"""Images between files and models: 8 bits on disk, [-1, 1] in a network."""

import torch
from torch import Tensor


def to_model(images: Tensor) -> Tensor:
    """uint8 (N, C, H, W) -> float32, u / 127.5 - 1: all of [-1, 1], as a tanh has it."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """float (N, C, H, W) -> uint8: the inverse of `to_model`, rounded and clipped to 0..255."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
