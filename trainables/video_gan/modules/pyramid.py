"""Real clips as the discriminators of the four levels see them (§4.4)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def pyramid(
    x_NCTHW: Tensor,
    strides: Sequence[int],
    offsets_NS: Tensor,
    levels: Sequence[int],
    batch_strides: Sequence[int] = (1, 1, 1),
) -> tuple[Tensor, ...]:
    """Subsample as the generator does, layer by layer, then shrink: level l has H / 2^(4-l) and W / 2^(4-l).

    Args:
        x_NCTHW: clips; H and W are multiples of 8.
        strides: of the S subsampling layers.
        offsets_NS: first frame that each layer keeps, for each sample by itself, below the layer's stride and length.
        levels: the levels wanted, of 1..S+1.
        batch_strides: samples of which each layer keeps one.

    Returns:
        For each level a video (n_l, C, T_l, H_l, W_l).
    """
    samples, frames = len(x_NCTHW), x_NCTHW.shape[2]
    at_NT = torch.arange(frames, device=x_NCTHW.device).expand(samples, frames)
    kept_N = torch.arange(samples, device=x_NCTHW.device)
    videos = []
    for level in range(1, len(strides) + 2):
        if level in levels:
            side = 2 ** (len(strides) + 1 - level)
            videos.append(F.avg_pool3d(_frames(x_NCTHW, kept_N, at_NT), (1, side, side)))
        if level <= len(strides):
            stride, skip = strides[level - 1], batch_strides[level - 1]
            kept_T = torch.arange(0, max(at_NT.shape[1] // stride, 1), device=at_NT.device) * stride
            kept_N, at_NT, offsets_NS = kept_N[::skip], at_NT[::skip], offsets_NS[::skip]
            at_NT = at_NT.gather(1, offsets_NS[:, level - 1, None] + kept_T)
    return tuple(videos)


def _frames(x_NCTHW: Tensor, kept_N: Tensor, at_NT: Tensor) -> Tensor:
    """The frames at those places of each sample kept."""
    if at_NT.shape[1] == x_NCTHW.shape[2] and len(kept_N) == len(x_NCTHW):
        return x_NCTHW
    return x_NCTHW.transpose(1, 2)[kept_N[:, None], at_NT].transpose(1, 2)
