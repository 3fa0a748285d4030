"""Conversion of images between 8 bits on disk and [-1, 1] in a network."""

import torch
from torch import Tensor


def to_model(images: Tensor) -> Tensor:
    """Convert uint8 (N, C, H, W) to float32, u / 127.5 - 1: the whole of [-1, 1], the range of tanh."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Convert float (N, C, H, W) to uint8: the inverse of `to_model`, rounded and clipped to 0..255."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
