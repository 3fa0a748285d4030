"""Batch norm whose scale and shift are learned for each class (Dumoulin et al. 2017; TGANv2 §4.6)."""

import torch
from torch import Tensor, nn

from retable.trial.distributed import SyncBatchNorm2d


class ConditionalBatchNorm2d(nn.Module):
    """y = γ[label] · (x - mean) / sqrt(var + ε) + β[label], with the statistics of all classes and workers together.

    Args:
        channels: of the input.
        classes: rows of the tables γ, which starts at 1, and β, which starts at 0.
        eps: ε.
        momentum: of the running statistics, which take over in eval mode.
    """

    def __init__(self, channels: int, classes: int, *, eps: float, momentum: float) -> None:
        super().__init__()
        self.norm = SyncBatchNorm2d(channels, eps=eps, momentum=momentum, affine=False)
        self.gamma = nn.Embedding(classes, channels)
        self.beta = nn.Embedding(classes, channels)
        nn.init.ones_(self.gamma.weight)
        nn.init.zeros_(self.beta.weight)

    def forward(self, x_MCHW: Tensor, labels_N: Tensor) -> Tensor:
        """Normalised features, shaped and typed like the input.

        Args:
            x_MCHW: features, any range. Of videos, whose frames are folded into the batch, M is N·T: the T frames of
                a sample lie side by side, and its label holds for all of them.
            labels_N: int64, from 0.

        Raises:
            ValueError: M is no multiple of N.
        """
        samples = len(labels_N)
        if not samples or len(x_MCHW) % samples:
            raise ValueError(
                f"every sample must have equally many frames, but got {len(x_MCHW)} frames and {samples} labels"
            )
        h_NTCHW = self.norm(x_MCHW).unflatten(0, (samples, -1))
        gamma, beta = (table(labels_N)[:, None, :, None, None] for table in (self.gamma, self.beta))
        return torch.addcmul(beta, h_NTCHW, gamma).flatten(0, 1).to(x_MCHW.dtype)
