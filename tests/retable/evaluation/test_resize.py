import numpy as np
import pytest
import torch
from PIL import Image

from retable.evaluation.resize import Resize, Untouched
from tests.precision import UNIT


def test_names_are_those_of_protocols() -> None:
    assert Resize("bilinear", 112).name == "bilinear112"
    assert Resize("bicubic", 128, crop=112).name == "bicubic128crop112"
    assert (Resize("bilinear", 112).side, Resize("bicubic", 128, crop=112).side) == (112, 112)


def test_the_centre_is_cut() -> None:
    clips = torch.arange(36.0).reshape(1, 1, 1, 6, 6)
    torch.testing.assert_close(Resize("bicubic", 6, crop=2)(clips), clips[..., 2:4, 2:4])
    assert Resize("bicubic", 8, crop=4)(clips).shape == (1, 1, 1, 4, 4)


@pytest.mark.parametrize("filter_", ["bilinear", "bicubic"])
def test_constant_frames_stay_constant(filter_: str) -> None:
    resize = Resize("bilinear" if filter_ == "bilinear" else "bicubic", 5)
    torch.testing.assert_close(resize(torch.full((2, 3, 4, 7, 9), 0.5)), torch.full((2, 3, 4, 5, 5), 0.5))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("nearest", 4, None), "filter must be one of bilinear, bicubic, bicubicaa, but got 'nearest'"),
        (("bilinear", 4, 5), "crop must be in 1..size, but got crop=5 and size=4"),
        (("bilinear", 0, None), "crop must be in 1..size"),
    ],
)
def test_bad_values_are_refused(given: tuple[str, int, int | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resize(*given)  # type: ignore[arg-type]


def test_the_antialiased_filter_is_pillows() -> None:
    plane = torch.rand(32, 24, generator=torch.Generator().manual_seed(0))
    pillow = np.asarray(Image.fromarray(plane.numpy()).resize((8, 8), Image.Resampling.BICUBIC))
    resized = Resize("bicubicaa", 8)(plane.double()[None, None])
    # Pillow sums in float64 and rounds each of its two passes to float32.
    expected = torch.from_numpy(pillow.copy()).double()
    torch.testing.assert_close(resized[0, 0], expected, rtol=0, atol=4 * UNIT)


def test_images_and_clips_of_one_frame_are_resized_alike() -> None:
    images = torch.rand(2, 3, 9, 9)
    resize = Resize("bicubicaa", 4)
    assert torch.equal(resize(images), resize(images[:, :, None])[:, :, 0])


def test_a_network_may_resize_itself() -> None:
    images = torch.rand(2, 3, 9, 9)
    assert Untouched("tfbilinear299")(images) is images
