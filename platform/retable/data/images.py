"""Images of a data set. Which image a sample is depends on nothing but (seed, iteration, sample index)."""

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retable.data.catalog import scan
from retable.data.image import Pixels
from retable.data.image_spec import ImageSpec
from retable.data.readers import Progress, Readers
from retable.data.shards import open_shards
from retable.data.spec import fingerprint
from retable.streams import stream


class Images:
    """Images of one split, from memory-mapped shards that are made on first use.

    Args:
        root: a data set of images, as `retable.data.catalog.scan` takes it.
        spec: how images are made from files.
        split: ``train`` or ``test``.
        seed: the trial's training seed.
        cache: cache folder for scans and shards; the user's own by default.
        readers: the processes that read files which nobody has read yet.
        progress: told about files that are being read.

    Attributes:
        root: as given.
        spec: as given.
        classes: names by label.
        fingerprint: identity of the images: content and split of the data set, spec and resize filter, 16 hex digits.
        notice: which files are skipped and why, in a sentence; empty if none is.

    Raises:
        DataError: the data set can't be used, or more than 1% of it or a whole class can't.
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
        catalog = scan(root, size=spec.size, cache=cache, readers=readers, progress=progress).of("image")
        files = catalog.usable(split).videos
        cache = catalog.prepared or cache
        shards = open_shards(files, catalog.folder, spec, cache=cache, readers=readers, progress=progress)
        usable = catalog.without(shards.quarantined).usable(split)
        self.root = root
        self.spec = spec
        self.seed = seed
        self.classes = catalog.classes
        self.fingerprint = fingerprint(catalog.fingerprint, spec, shards.quarantined)
        self.notice = usable.notice
        self._shards = shards
        self._files = [(file.sha256, file.label or 0) for file in usable.videos]

    def __len__(self) -> int:
        """Number of images."""
        return len(self._files)

    @property
    def labels(self) -> tuple[int, ...]:
        """The label of each image, from 0 in the order of `classes`."""
        return tuple(label for _, label in self._files)

    def with_seed(self, seed: int) -> "Images":
        """The same images, drawn with another seed. Nothing is opened again."""
        other = copy(self)
        other.seed = seed
        return other

    def sample(self, iteration: int, index: int) -> tuple[Pixels, int]:
        """The training image of that iteration and global sample index: uint8 (3, size, size) and its label.

        Which one is uniform over the split, and half of the images are mirrored if the spec says so.
        """
        draw = stream(self.seed, "image", iteration, index)
        number = int(draw.integers(len(self._files)))
        pixels, label = self.evaluation(number)
        flip = bool(draw.integers(2)) and self.spec.flip
        return (np.ascontiguousarray(pixels[..., ::-1]) if flip else pixels), label

    def evaluation(self, index: int) -> tuple[Pixels, int]:
        """Image `index`, never mirrored, and its label."""
        sha256, label = self._files[index]
        return self._shards.clip(sha256, 0, 1)[0], label

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Training images: uint8 (N, 3, size, size) and int64 labels (N,)."""
        return _stacked([self.sample(iteration, index) for index in indices])

    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The images of these numbers as they are, shaped as `batch` does."""
        return _stacked([self.evaluation(index) for index in indices])


def prepare(root: Path, spec: ImageSpec, progress: Progress | None = None) -> str:
    """Decode what images of that spec are made from, train and test, unless it has been decoded before.

    Returns:
        Which files are skipped and why; empty if none is.

    Raises:
        DataError: the data set can't be trained on.
    """
    notices = [Images(root, spec, split, 0, progress=progress).notice for split in ("train", "test")]
    return "; ".join(filter(None, notices))


def _stacked(samples: Sequence[tuple[Pixels, int]]) -> tuple[Tensor, Tensor]:
    images, labels = zip(*samples, strict=True)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)
