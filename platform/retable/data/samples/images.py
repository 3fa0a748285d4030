"""Images of a data set. A sample depends on nothing but (seed, iteration, sample index)."""

from pathlib import Path

import numpy as np

from retable.data.decode.errors import DataError
from retable.data.decode.pool import Progress, Readers
from retable.data.decode.spec import ImageSpec
from retable.data.samples.split import Pixels, Split
from retable.data.scan.catalog import scan
from retable.trial.random import stream


class Images(Split[ImageSpec]):
    """Images of one split, from memory-mapped shards that are written on first use.

    Args:
        root: a data set of images, as `retable.data.scan.catalog.scan` takes it.
        spec: specification of the images.
        cache: cache folder for scans and shards; the user's own by default.
        split, seed, readers, progress: as in `Split`, which lists the errors.

    Raises:
        DataError: also if the data set has none of the classes that the spec takes.
    """

    def __init__(
        self,
        root: Path,
        spec: ImageSpec,
        split: str,
        seed: int,
        cache: Path | None = None,
        *,
        readers: Readers | None = None,
        progress: Progress | None = None,
    ) -> None:
        catalog = scan(root, cache=cache, readers=readers, progress=progress).requiring_images(spec)
        super().__init__(root, catalog, spec, split, seed, cache, readers=readers, progress=progress)
        wanted = {catalog.classes.index(name) for name in spec.classes or catalog.classes}
        self._files = tuple(file for file in self._files if (file.label or 0) in wanted)
        if not self._files:
            raise DataError(
                f"{root} has no {split} images of the classes {', '.join(spec.classes)}",
                remedy="add some, or name other classes",
            )

    def sample(self, iteration: int, index: int) -> tuple[Pixels, int]:
        """Training image of an iteration and global sample index: uint8 (3, size, size) and its label.

        It is uniform over the split, and half of the images are mirrored if the spec says so.
        """
        number, flip = self.drawn(iteration, index)
        pixels, label = self.evaluation(number)
        return (mirrored(pixels) if flip else pixels), label

    def drawn(self, iteration: int, index: int) -> tuple[int, bool]:
        """Number of the image that `sample` draws, and True if it is mirrored."""
        draw = stream(self.seed, "image", iteration, index)
        number = int(draw.integers(len(self)))
        return number, bool(draw.integers(2)) and self.spec.flip

    def evaluation(self, index: int) -> tuple[Pixels, int]:
        """Image `index`, never mirrored: uint8 (3, size, size), and its label."""
        file = self._files[index]
        return self._shards.clip(file.sha256, 0, 1)[0], file.label or 0


def prepare(root: Path, spec: ImageSpec, progress: Progress | None = None) -> str:
    """Decode the images of this spec, train and test, unless they exist already.

    Returns:
        A notice of skipped files with the reasons; empty if there is none.

    Raises:
        DataError: the data set can't be trained on.
    """
    notices = [Images(root, spec, split, 0, progress=progress).notice for split in ("train", "test")]
    return "; ".join(filter(None, notices))


def mirrored(pixels: Pixels) -> Pixels:
    """Mirror an image (3, H, W), or several, horizontally."""
    return np.ascontiguousarray(pixels[..., ::-1])
