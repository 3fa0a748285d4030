"""Specifications of clips and images, as plain data: they are fields of trial configs. No torch here."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from retable.trial.config import DataNeeds
from retable.trial.identity import identified, option

IMAGE_RESIZE = "pillow lanczos, antialiased, 8 bit"


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """Specification of an image, which is made from a file.

    The pixels are resized with Pillow's Lanczos filter (`IMAGE_RESIZE`, part of the fingerprint), the usual
    one for CelebA-HQ and LSUN in work on image GANs. A picture that already has the size keeps its pixels.

    Attributes:
        size: height and width of an image, in pixels. Files with a smaller shorter side are too small.
        flip: mirror half of the training images horizontally.
        crop: ``square`` crops the centre square before resizing; ``none`` resizes the whole picture, whatever
            its shape.
        classes: names of the classes whose images are taken; empty for all. Labels stay those of the whole
            data set.
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
    def needs(self) -> DataNeeds:
        """Requirements on a data set that has such images."""
        return DataNeeds(kind="image", size=self.size, class_names=self.classes)

    @property
    def class_names(self) -> str:
        """Short text of the classes, for labels."""
        return "+".join(self.classes) or "all"

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height of the stored image, in pixels."""
        return self.size, self.size

    @property
    def frame_bytes(self) -> int:
        """Bytes of a stored image."""
        return 3 * self.size * self.size


RESIZE = "pillow bicubic, antialiased, 8 bit, frame by frame"
FACES = (
    "box where the mask is over 5 of 765 from white in the mean of a row or column; square, inside the frame"
)


@dataclass(frozen=True, kw_only=True)
class ClipSpec:
    """Specification of a clip, which is cut from a video.

    Attributes:
        frames: consecutive frames in a clip.
        size: height and width of a clip, in pixels.
        crop: ``reference`` resizes a frame to round(size × 4/3) × size, whatever its shape, and crops a
            square at a random x, as the TGANv2 code does (192 px: x in 4..60 of a 256 × 192 frame). ``paper``
            crops the centre square first and then resizes it, as its text says (240 × 240, then 192).
        flip: mirror half of the clips horizontally.
    """

    frames: int = 16
    size: int = 192
    crop: Literal["reference", "paper"] = "reference"
    flip: bool = True

    def __post_init__(self) -> None:
        for name in ("frames", "size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, but got {getattr(self, name)}")
        if self.crop not in ("reference", "paper"):
            raise ValueError(f"crop must be 'reference' or 'paper', but got {self.crop!r}")

    @property
    def needs(self) -> DataNeeds:
        """Requirements on a data set that has such clips."""
        return DataNeeds(kind="video", frames=self.frames)

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height of the frames that clips are cropped from."""
        return (round(self.size * 4 / 3) if self.crop == "reference" else self.size), self.size

    @property
    def frame_bytes(self) -> int:
        """Bytes of a stored frame."""
        return 3 * self.stored[0] * self.stored[1]

    @property
    def slack(self) -> int:
        """Columns by which a stored frame is wider than a clip."""
        return self.stored[0] - self.size

    @property
    def lefts(self) -> range:
        """Left edges of random crops: the reference leaves out 1/16 of the slack at either side."""
        margin = self.slack // 16
        return range(margin, self.slack - margin + 1)

    def starts(self, frames: int) -> int:
        """Number of first frames that a random clip of a video with so many frames may have.

        The reference never draws the last possible one (and fails on a video with no other).
        """
        fitting = frames - self.frames + 1
        return max(fitting - 1, 1) if self.crop == "reference" else fitting


@dataclass(frozen=True, kw_only=True)
class FaceSpec(ClipSpec):
    """Specification of a clip of a face, for videos with mask videos (FaceForensics).

    As ``paper``, but with the square of the face (`retable.data.decode.faces`) in each frame. TGANv2 neither
    mirrors nor shifts these clips.

    Attributes:
        smooth: number of frames before and after each over which its square is averaged. 0 jitters as the
            reference does.
    """

    size: int = 256
    crop: Literal["reference", "paper"] = "paper"
    flip: bool = False
    smooth: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop != "paper":
            raise ValueError(f"crop of a FaceSpec must be 'paper', the whole square, but got {self.crop!r}")
        if self.smooth < 0:
            raise ValueError(f"smooth must be at least 0 frames, but got {self.smooth}")


Spec = ClipSpec | ImageSpec


def resize_of(spec: Spec) -> str:
    """Name of the resize filter of a spec."""
    return IMAGE_RESIZE if isinstance(spec, ImageSpec) else RESIZE


def fingerprint(catalog_fingerprint: str, spec: Spec, without: Collection[str] = ()) -> str:
    """Identity of the clips or images themselves, for protocols: 16 hex digits of SHA-256.

    Args:
        catalog_fingerprint: identity of the data set.
        spec: the specification of clips or images. The resize filter (`resize_of`) is part of the identity.
        without: SHA-256 of files that are good by the catalog but could not be decoded here.
    """
    identity = {
        "catalog": catalog_fingerprint,
        "resize": resize_of(spec),
        "spec": identified(spec),  # options that are off are no part of it
        "without": sorted(without),
    }
    if isinstance(spec, FaceSpec):
        identity["faces"] = FACES
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
