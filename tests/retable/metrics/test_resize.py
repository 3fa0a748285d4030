import pytest
import torch

from retable.metrics.resize import Resize


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
        (("nearest", 4, None), "filter must be 'bilinear' or 'bicubic', but got 'nearest'"),
        (("bilinear", 4, 5), "crop must be in 1..size, but got crop=5 and size=4"),
        (("bilinear", 0, None), "crop must be in 1..size"),
    ],
)
def test_bad_values_are_refused(given: tuple[str, int, int | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resize(*given)  # type: ignore[arg-type]
