"""How a frame of any size reaches a classifier: part of a metric's protocol. No torch before it is called."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Resize:
    """Resizes frames to a square, then cuts its centre.

    Attributes:
        filter: ``bilinear`` interpolates between the centres of the corner pixels, as TGANv2's evaluation does;
            ``bicubic`` (a = -0.75) between their outer edges, as OpenCV does for TGANv1's. Neither antialiases.
        size: side in pixels after resizing.
        crop: side of the centre square that is then cut out; None keeps all.
    """

    filter: Literal["bilinear", "bicubic"]
    size: int
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.filter not in ("bilinear", "bicubic"):
            raise ValueError(f"filter must be 'bilinear' or 'bicubic', but got {self.filter!r}")
        if not 1 <= self.side <= self.size:
            raise ValueError(f"crop must be in 1..size, but got crop={self.crop} and size={self.size}")

    @property
    def side(self) -> int:
        """Height and width of what comes out."""
        return self.size if self.crop is None else self.crop

    @property
    def name(self) -> str:
        """How protocols call it, such as ``bilinear112`` or ``bicubic128crop112``."""
        return f"{self.filter}{self.size}" + ("" if self.crop is None else f"crop{self.crop}")

    def __call__(self, x_NCTHW: "Tensor") -> "Tensor":
        """Clips of any height and width -> (N, C, T, side, side)."""
        from torch.nn import functional

        n, c, t, h, w = x_NCTHW.shape
        if (h, w) != (self.size, self.size):
            frames = functional.interpolate(
                x_NCTHW.reshape(n, c * t, h, w),
                size=(self.size, self.size),
                mode=self.filter,
                align_corners=self.filter == "bilinear",
            )
            x_NCTHW = frames.reshape(n, c, t, self.size, self.size)
        start = (self.size - self.side) // 2
        return x_NCTHW[..., start : start + self.side, start : start + self.side]
