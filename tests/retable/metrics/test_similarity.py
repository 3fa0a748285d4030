"""PSNR, SSIM and MS-SSIM against torchmetrics and by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from retable.metrics.similarity import ms_ssim, psnr, ssim

pytestmark = pytest.mark.usefixtures("float64")


def pair(side: int, noise: float = 0.2) -> tuple[Tensor, Tensor]:
    """Smooth images in [-1, 1], and the same with noise."""
    random = torch.Generator().manual_seed(side)
    coarse = torch.rand(3, 3, 8, 8, generator=random) * 2 - 1
    a = torch.nn.functional.interpolate(coarse, size=(side, side + 5), mode="bilinear")
    return a, (a + noise * torch.randn(a.shape, generator=random)).clamp(-1, 1)


@pytest.mark.parametrize("side", [11, 32, 64])
@pytest.mark.parametrize("data_range", [2.0, 255.0])
def test_ssim_and_psnr_are_those_of_torchmetrics(side: int, data_range: float) -> None:
    a, b = (image * data_range / 2 for image in pair(side))
    theirs = structural_similarity_index_measure(a, b, data_range=data_range, reduction="none")
    torch.testing.assert_close(ssim(a, b, data_range), theirs, atol=1e-10, rtol=0)
    theirs = peak_signal_noise_ratio(a, b, data_range=data_range, dim=(1, 2, 3), reduction="none")
    torch.testing.assert_close(psnr(a, b, data_range), theirs, atol=1e-10, rtol=1e-10)


def test_ms_ssim_is_that_of_torchmetrics() -> None:
    a, b = pair(176)
    theirs = multiscale_structural_similarity_index_measure(a, b, data_range=2.0, reduction="none")
    torch.testing.assert_close(ms_ssim(a, b), theirs, atol=1e-10, rtol=0)
    assert (theirs < 0.999).all()


def test_by_hand() -> None:
    black, grey = torch.full((2, 3, 16, 16), -1.0), torch.zeros(2, 3, 16, 16)
    torch.testing.assert_close(psnr(black, grey), torch.full((2,), 10 * torch.tensor(4.0).log10().item()))
    c1 = (0.01 * 2) ** 2
    # Constant images: only the luminance term is left, (2 μν + c1) / (μ² + ν² + c1).
    torch.testing.assert_close(ssim(black, grey), torch.full((2,), c1 / (1 + c1)))
    assert psnr(black, black).isinf().all()


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
def test_equal_images_are_wholly_alike_and_the_order_does_not_matter(
    measure: Callable[[Tensor, Tensor], Tensor],
) -> None:
    a, b = pair(176)
    torch.testing.assert_close(measure(a, a), torch.ones(3))
    torch.testing.assert_close(measure(a, b), measure(b, a))
    torch.testing.assert_close(measure(a[:1], b[:1]), measure(a, b)[:1])


def test_what_cannot_be_compared_is_refused() -> None:
    a, b = pair(32)
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim(a[..., :8], b[..., :8])
    with pytest.raises(ValueError, match="at least 176 pixels"):
        ms_ssim(a, b)
    with pytest.raises(ValueError, match="of one shape"):
        psnr(a, b[:1])
    with pytest.raises(ValueError, match=r"uint8 \(3, 3, 32, 37\)"):
        psnr(a.to(torch.uint8), b.to(torch.uint8))
    with pytest.raises(ValueError, match="data_range must be positive"):
        psnr(a, b, 0)
