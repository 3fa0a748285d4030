"""A trained autoencoder at work: images to codes and back, without gradients."""

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor

from retable.evaluation.pretrained import weights_hash
from retable.store.trained import trained
from retable.trial.run import Run
from retable.trial.trial import Trial
from trainables.code_gan.autoencoder.network import Decoder, Encoder, build_autoencoder
from trainables.code_gan.autoencoder.pretrained import AnyAutoencoder


class Codec:
    """The frozen encoder F and decoder H. Both take images and codes of any size.

    Args:
        encoder: F.
        decoder: H.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        self.encoder, self.decoder = (
            network.eval().requires_grad_(requires_grad=False) for network in (encoder, decoder)
        )

    @classmethod
    def of(cls, config: AnyAutoencoder, state: Mapping[str, Any]) -> Self:
        """F and H of an autoencoder's config with the weights of its learner's state, on their device."""
        network = build_autoencoder(config.code_divisor, config.code_channels, config.width)
        network.encoder.load_state_dict(state["encoder"])
        network.decoder.load_state_dict(state["decoder"])
        return cls(network.encoder, network.decoder).to(next(iter(state["encoder"].values())).device)

    @property
    def weights(self) -> str:
        """SHA-256 of the weights of F and H, in hex: the identity of the autoencoder."""
        return weights_hash({name: tensor.numpy() for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """The weights of F and H by name, on the CPU."""
        pairs = (("encoder", self.encoder), ("decoder", self.decoder))
        return {
            f"{name}.{key}": tensor.cpu().contiguous()
            for name, network in pairs
            for key, tensor in network.state_dict().items()
        }

    def to(self, device: torch.device) -> Self:
        """The same with its weights on that device."""
        self.encoder.to(device)
        self.decoder.to(device)
        return self

    @torch.no_grad()
    def encode(self, x_NCHW: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1] -> codes (N, C, H / divisor, W / divisor) in [-1, 1]."""
        codes_NCHW: Tensor = self.encoder(x_NCHW)
        return codes_NCHW

    @torch.no_grad()
    def decode(self, codes_NCHW: Tensor) -> Tensor:
        """Codes (N, C, h, w) in [-1, 1] -> images (N, 3, divisor · h, divisor · w) in [-1, 1]."""
        x_NCHW: Tensor = self.decoder(codes_NCHW)
        return x_NCHW


def trained_codec(encoder: AnyAutoencoder, seed: int, run: Run, device: torch.device) -> Codec:
    """Load the best snapshot of a trained autoencoder from the folder of its trial.

    Args:
        encoder: the autoencoder, trained here or pretrained, which the run's trial requires (at seed 0) or follows (at its own).
        seed: of its trial.
        run: paths of the required trials.
        device: of the weights.

    Raises:
        KeyError: the run's trial does not require it.
        FileNotFoundError: its trial is not finished.
        ValueError: it ended before its first snapshot.
    """
    encoder = encoder.canonical()
    signature = Trial(encoder, seed, run.fingerprint).signature
    return Codec.of(encoder, trained(run.required(signature)).state(device))
