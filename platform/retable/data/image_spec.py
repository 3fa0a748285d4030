"""What an image is: plain data, so that it can be a field of a trial's config. No torch here."""

from dataclasses import dataclass
from typing import Literal

from retable.identity import option

RESIZE = "pillow lanczos, antialiased, 8 bit"


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """How an image is made from a file.

    The pixels are resized with Pillow's Lanczos filter (`RESIZE`, part of the fingerprint), which CelebA-HQ and LSUN
    are resized with for image GANs; a picture that has the size already keeps its pixels.

    Attributes:
        size: height and width of an image, in pixels. Files whose shorter side is shorter are too small.
        flip: mirror half of the training images horizontally.
        crop: ``square`` crops the centre square before resizing; ``none`` resizes the whole picture, whatever its
            shape.
        classes: names of the classes whose images are taken; empty for all. Labels stay those of the whole data set.
    """

    size: int
    flip: bool = True
    crop: Literal["square", "none"] = "square"
    classes: tuple[str, ...] = option(())

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, but got {self.size}")
        if self.crop not in ("square", "none"):
            raise ValueError(f"crop must be 'square' or 'none', but got {self.crop!r}")
        if list(self.classes) != sorted(set(self.classes)):
            raise ValueError(f"classes must be sorted and each there once, but got {self.classes}")

    @property
    def frames(self) -> int:
        """An image counts as a video of one frame."""
        return 1

    @property
    def class_names(self) -> str:
        """The classes in a word, for labels."""
        return "+".join(self.classes) or "all"

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height of what is kept decoded."""
        return self.size, self.size

    @property
    def frame_bytes(self) -> int:
        """Bytes of that."""
        return 3 * self.size * self.size
