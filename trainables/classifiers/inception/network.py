"""The only module that imports torch-fidelity: its Inception-v3, imported when it is first used."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import torch
from torch import Tensor, nn

from retable.data.samples.pixels import to_uint8
from retable.errors import MissingPackageError

LOGITS, FEATURES = "logits_unbiased", "2048"
"""Layers of torch-fidelity for IS, and for FID, KID and nearest neighbours."""

PREFIX = "inception."
"""Of the weights' names, for the network is a part of another here."""


def extractor_class() -> Callable[..., nn.Module]:
    """torch-fidelity's FeatureExtractorInceptionV3.

    Raises:
        MissingPackageError: the extra is not installed, or its torchvision does not fit this torch.
    """
    try:
        module = import_module("torch_fidelity.feature_extractor_inceptionv3")
    except (ImportError, RuntimeError) as error:
        # Beside a torch that it was not built for, torchvision raises a RuntimeError when it is imported.
        raise MissingPackageError(
            f"Inception-v3 needs torch-fidelity, which can't be imported ({error})",
            remedy="install the extra on every machine (`pip install retable[inception]`), or leave --classifier out",
        ) from error
    found: Callable[..., nn.Module] = module.FeatureExtractorInceptionV3
    return found


class InceptionV3(nn.Module):
    """Images of any size in [-1, 1] -> logits of 1,008 classes, without their bias, and 2,048 features."""

    def __init__(self, inception: nn.Module) -> None:
        super().__init__()
        self.inception = inception

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Self:
        """The network with these weights. Raises as `extractor_class` does."""
        with TemporaryDirectory() as folder:  # the class takes weights from a file only
            path = Path(folder) / "inception.pth"
            torch.save({name.removeprefix(PREFIX): tensor.cpu() for name, tensor in state.items()}, path)
            return cls(
                extractor_class()(
                    "inception-v3", [LOGITS, FEATURES], feature_extractor_weights_path=str(path)
                )
            )

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 1008) and features (N, 2048) of images rounded to 8 bits, as files have them."""
        logits_NK, features_NF = self.inception(to_uint8(x_NCHW))
        return logits_NK, features_NF
