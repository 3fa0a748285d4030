"""Similarity of pairs of images: PSNR, SSIM and MS-SSIM."""

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE, SIGMA = 11, 1.5
"""The Gaussian window of Wang et al. 2004: side and standard deviation, in pixels."""
K1, K2 = 0.01, 0.03
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang, Simoncelli, Bovik 2003)."""


def psnr(a_NCHW: Tensor, b_NCHW: Tensor, data_range: float = 2.0) -> Tensor:
    """Peak signal-to-noise ratio, 10 log10(R² / mean squared error), in dB.

    Args:
        a_NCHW: images, float.
        b_NCHW: images that they are compared with.
        data_range: R, the greatest value less the least that a pixel may have: 2 for images in [-1, 1].

    Returns:
        (N,), over all channels and pixels; infinite for equal images.

    Raises:
        ValueError: the shapes differ or are not (N, C, H, W), or the range is not positive.
    """
    _check(a_NCHW, b_NCHW, data_range, least=1)
    return 10 * torch.log10(data_range**2 / (a_NCHW - b_NCHW).square().mean(dim=(1, 2, 3)))


def ssim(a_NCHW: Tensor, b_NCHW: Tensor, data_range: float = 2.0) -> Tensor:
    """Structural similarity (Wang et al. 2004, Equation 13): 1 for equal images, at least -1.

    Every channel has a Gaussian window around every pixel; images are mirrored beyond their borders, as torchmetrics
    does. (The authors' own code leaves out windows that reach beyond them.)

    Args:
        a_NCHW: images, float, at least 11 pixels high and wide.
        b_NCHW: images that they are compared with.
        data_range: as in `psnr`.

    Returns:
        (N,), the mean over channels and pixels.

    Raises:
        ValueError: as in `psnr`, or the images are smaller than the window.
    """
    _check(a_NCHW, b_NCHW, data_range, least=SIDE)
    similarity, _ = _similarity(a_NCHW, b_NCHW, data_range)
    return similarity


def ms_ssim(a_NCHW: Tensor, b_NCHW: Tensor, data_range: float = 2.0) -> Tensor:
    """Multi-scale structural similarity over five scales, each half as large as the one before.

    The contrast terms of the first four scales and the similarity of the fifth are averaged over channels and pixels,
    clamped at 0, raised to `WEIGHTS`, and multiplied (Equation 7 of the 2003 paper, as torchmetrics computes it).

    Args:
        a_NCHW: images, float, at least 176 pixels high and wide.
        b_NCHW: images that they are compared with.
        data_range: as in `psnr`.

    Returns:
        (N,) in [0, 1].

    Raises:
        ValueError: as in `psnr`, or the window does not fit the coarsest scale.
    """
    scales = len(WEIGHTS)
    _check(a_NCHW, b_NCHW, data_range, least=SIDE * 2 ** (scales - 1))
    product = torch.ones((), dtype=a_NCHW.dtype, device=a_NCHW.device)
    for scale, weight in enumerate(WEIGHTS, start=1):
        similarity, contrast = _similarity(a_NCHW, b_NCHW, data_range)
        product = product * (similarity if scale == scales else contrast).clamp(min=0) ** weight
        if scale < scales:
            a_NCHW, b_NCHW = F.avg_pool2d(a_NCHW, 2), F.avg_pool2d(b_NCHW, 2)
    return product


def _similarity(a_NCHW: Tensor, b_NCHW: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Structural similarity (N,), and its contrast and structure term (N,) over windows that lie inside the image."""
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    moments = torch.cat([a_NCHW, b_NCHW, a_NCHW**2, b_NCHW**2, a_NCHW * b_NCHW])
    a, b, aa, bb, ab = _blurred(moments).chunk(5)
    variances = (aa - a * a).clamp(min=0) + (bb - b * b).clamp(min=0)
    contrast_NCHW = (2 * (ab - a * b) + c2) / (variances + c2)
    luminance_NCHW = (2 * a * b + c1) / (a * a + b * b + c1)
    edge = SIDE // 2
    inside = contrast_NCHW[..., edge:-edge, edge:-edge]
    return (luminance_NCHW * contrast_NCHW).mean(dim=(1, 2, 3)), inside.mean(dim=(1, 2, 3))


def _blurred(x_NCHW: Tensor) -> Tensor:
    """Weighted means over the window around each pixel, axis by axis, since the window is separable."""
    distances = torch.arange(SIDE, dtype=x_NCHW.dtype, device=x_NCHW.device) - SIDE // 2
    window = torch.exp(-((distances / SIGMA) ** 2) / 2)
    window = window / window.sum()
    n, c, h, w = x_NCHW.shape
    edge = SIDE // 2
    x = F.pad(x_NCHW, (edge, edge, edge, edge), mode="reflect").reshape(n * c, 1, h + 2 * edge, w + 2 * edge)
    x = F.conv2d(F.conv2d(x, window.view(1, 1, SIDE, 1)), window.view(1, 1, 1, SIDE))
    return x.view(n, c, h, w)


def _check(a: Tensor, b: Tensor, data_range: float, least: int) -> None:
    if a.ndim != 4 or a.shape != b.shape or not a.is_floating_point():
        raise ValueError(
            "two batches of float images (N, C, H, W) of one shape are compared, but got "
            f"{a.dtype} {tuple(a.shape)} and {b.dtype} {tuple(b.shape)}"
        )
    if min(a.shape[2:]) < least:
        raise ValueError(
            f"images must be at least {least} pixels high and wide, but got {tuple(a.shape[2:])}"
        )
    if data_range <= 0:
        raise ValueError(f"data_range must be positive, but got {data_range}")
