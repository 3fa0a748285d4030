"""Resizing of frames and images for a classifier: part of a metric's protocol. No torch before it is called."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from torch import Tensor

Filter = Literal["bilinear", "bicubic", "bicubicaa"]
FILTERS: tuple[Filter, ...] = get_args(Filter)


@dataclass(frozen=True)
class Resize:
    """Resizes frames or images to a square, then cuts its centre.

    Attributes:
        filter: ``bilinear`` interpolates between the centres of the corner pixels, as TGANv2's evaluation does;
            ``bicubic`` (a = -0.75) between their outer edges, as OpenCV does for TGANv1's. Neither antialiases. ``bicubicaa`` (a = -0.5) does, as Pillow's bicubic: large images
            keep no pattern that is not theirs when they become small.
        size: side in pixels after resizing.
        crop: side of the centre square that is then cut out; None keeps all.
    """

    filter: Filter
    size: int
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.filter not in FILTERS:
            raise ValueError(f"filter must be one of {', '.join(FILTERS)}, but got {self.filter!r}")
        if not 1 <= self.side <= self.size:
            raise ValueError(f"crop must be in 1..size, but got crop={self.crop} and size={self.size}")

    @property
    def side(self) -> int:
        """Height and width of what comes out."""
        return self.size if self.crop is None else self.crop

    @property
    def name(self) -> str:
        """Name in protocols, such as ``bilinear112`` or ``bicubic128crop112``."""
        return f"{self.filter}{self.size}" + ("" if self.crop is None else f"crop{self.crop}")

    def __call__(self, x_NCHW: "Tensor") -> "Tensor":
        """Images (N, C, H, W), or clips (N, C, T, H, W), of any height and width -> the same of side × side."""
        from torch.nn import functional

        *others, h, w = x_NCHW.shape
        if (h, w) != (self.size, self.size):
            planes = functional.interpolate(
                x_NCHW.reshape(others[0], -1, h, w),
                size=(self.size, self.size),
                mode="bilinear" if self.filter == "bilinear" else "bicubic",
                align_corners=self.filter == "bilinear",
                antialias=self.filter == "bicubicaa",
            )
            x_NCHW = planes.reshape(*others, self.size, self.size)
        start = (self.size - self.side) // 2
        return x_NCHW[..., start : start + self.side, start : start + self.side]


@dataclass(frozen=True)
class Untouched:
    """For a network that takes images of any size and resizes them itself.

    Attributes:
        name: what protocols call that, such as ``tfbilinear299``.
    """

    name: str

    def __call__(self, x: "Tensor") -> "Tensor":
        """The same."""
        return x
