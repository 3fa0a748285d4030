"""Stage 1: images to codes and back, fully convolutional, and the discriminator of what comes back."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from trainables.code_gan.stages.channels import widths
from trainables.code_gan.stages.layers import UpConv2d, conv, last_conv, leaky
from trainables.parts.layout import packed

PATCH_DOWNS = 4
"""Convolutions with stride 2 in the image discriminator: it has a logit for each 16 × 16 pixels."""


class Encoder(nn.Module):
    """F: images (N, 3, H, W) in [-1, 1] -> codes (N, C, H / divisor, W / divisor) in [-1, 1], of any H and W.

    Args:
        divisor: by how much a code is smaller than its image, 2, 4, 8 or 16, which divides H and W.
        code_channels: C.
        width: channels at full resolution.
    """

    def __init__(self, *, divisor: int, code_channels: int, width: int = 64) -> None:
        super().__init__()
        wide = widths(divisor, width)
        self.first = conv(3, width)
        self.downs = nn.ModuleList(conv(*pair, stride=2) for pair in pairwise(wide))
        self.out = last_conv(wide[-1], code_channels)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        x_NCHW = packed(x_NCHW)
        for layer in (self.first, *self.downs):
            x_NCHW = leaky(layer(x_NCHW))
        return torch.tanh(self.out(x_NCHW))


class Decoder(nn.Module):
    """H: codes (N, C, h, w) -> images (N, 3, divisor · h, divisor · w) in [-1, 1]; the encoder's mirror image.

    Args:
        divisor: as the encoder's.
        code_channels: C.
        width: channels at full resolution.
        literal: upsample, then convolve (`UpConv2d`).
    """

    def __init__(self, *, divisor: int, code_channels: int, width: int = 64, literal: bool = False) -> None:
        super().__init__()
        wide = widths(divisor, width)[::-1]
        self.first = conv(code_channels, wide[0])
        self.ups = nn.ModuleList(UpConv2d(*pair, literal=literal) for pair in pairwise(wide))
        self.out = last_conv(wide[-1], 3)

    def forward(self, code_NCHW: Tensor) -> Tensor:
        x_NCHW = packed(code_NCHW)
        for layer in (self.first, *self.ups):
            x_NCHW = leaky(layer(x_NCHW))
        return torch.tanh(self.out(x_NCHW))


class Autoencoder(nn.Module):
    """H ∘ F: what is wrapped for DDP in stage 1."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1] -> their reconstructions, alike."""
        reconstructed_NCHW: Tensor = self.decoder(self.encoder(x_NCHW))
        return reconstructed_NCHW


def build_autoencoder(divisor: int, code_channels: int, width: int, *, literal: bool = False) -> Autoencoder:
    """F and H that fit together, with fresh weights."""
    encoder = Encoder(divisor=divisor, code_channels=code_channels, width=width)
    return Autoencoder(
        encoder, Decoder(divisor=divisor, code_channels=code_channels, width=width, literal=literal)
    )


class PatchDiscriminator(nn.Module):
    """Images (N, 3, H, W) in [-1, 1] -> logits (N, H / 16, W / 16), one for each patch.

    Args:
        width: channels of the first convolution; doubled at most twice.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        wide = [3, *widths(1 << (PATCH_DOWNS - 1), width)]
        self.downs = nn.ModuleList(conv(*pair, stride=2) for pair in pairwise(wide))
        self.out = last_conv(wide[-1], 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        x_NCHW = packed(x_NCHW)
        for layer in self.downs:
            x_NCHW = leaky(layer(x_NCHW))
        logits_NHW: Tensor = self.out(x_NCHW)[:, 0]
        return logits_NHW
