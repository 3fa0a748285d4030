"""How long training waits for its data: the seconds that this process has spent on making batches."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from retable.data.decode.pool import Progress, Readers
from retable.data.decode.spec import Spec, fingerprint
from retable.data.samples.shards import open_shards
from retable.data.scan.catalog import Catalog

Pixels = npt.NDArray[np.uint8]
S = TypeVar("S", bound=Spec)


class Split(ABC, Generic[S]):
    """Samples of one split. Which one a sample is depends on nothing but (seed, iteration, sample index).

    Args:
        root: the data set.
        catalog: what is in it, judged by what the spec needs.
        spec: how samples are made from files.
        split: ``train`` or ``test``.
        seed: the trial's training seed.
        cache: cache folder for shards; the user's own by default.
        readers: the processes that read files which nobody has read yet.
        progress: told about files that are being read.

    Attributes:
        root: as given.
        spec: as given.
        seed: as given.
        classes: names by label.
        fingerprint: identity of the samples: content and split of the data set, spec and resize filter, 16 hex digits.
        notice: which files are skipped and why, in a sentence; empty if none is.

    Raises:
        DataError: the data set can't be used, or more than 1% of it or a whole class can't.
    """

    def __init__(
        self,
        root: Path,
        catalog: Catalog,
        spec: S,
        split: str,
        seed: int,
        cache: Path | None,
        *,
        readers: Readers | None,
        progress: Progress | None,
    ) -> None:
        self._shards = open_shards(
            catalog.usable(split).videos,
            catalog.folder,
            spec,
            cache=catalog.prepared or cache,
            readers=readers,
            progress=progress,
        )
        usable = catalog.without(self._shards.quarantined).usable(split)
        self._files = usable.videos
        self.root, self.spec, self.seed = root, spec, seed
        self.classes, self.notice = catalog.classes, usable.notice
        self.fingerprint = fingerprint(catalog.fingerprint, spec, self._shards.quarantined)

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    @property
    def labels(self) -> tuple[int, ...]:
        """The label of each file, from 0 in the order of `classes`."""
        return tuple(file.label or 0 for file in self._files)

    def with_seed(self, seed: int) -> Self:
        """The same files, drawn with another seed. Nothing is opened again."""
        other = copy(self)
        other.seed = seed
        return other

    @abstractmethod
    def sample(self, iteration: int, index: int) -> tuple[Pixels, int]:
        """The training sample of that iteration and global sample index, and its label."""

    @abstractmethod
    def evaluation(self, index: int) -> tuple[Pixels, int]:
        """The one test sample of file `index`, never mirrored, and its label."""

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Training samples: uint8, stacked along a first axis, and int64 labels (N,)."""
        with BATCHES.counted():
            return _stacked([self.sample(iteration, index) for index in indices])

    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Test samples of the files of these numbers, shaped as `batch` does."""
        return _stacked([self.evaluation(index) for index in indices])


def _stacked(samples: Sequence[tuple[Pixels, int]]) -> tuple[Tensor, Tensor]:
    pixels, labels = zip(*samples, strict=True)
    return torch.from_numpy(np.stack(pixels)), torch.tensor(labels)


def spread(count: int, of: int) -> list[int]:
    """Numbers of `count` samples, evenly spaced among so many; all where there are fewer."""
    count = min(count, of)
    return [number * of // count for number in range(count)]


@dataclass
class Wait:
    """Seconds waited so far; whoever asks takes the difference between two looks."""

    seconds: float = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the block, also where it fails."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - start


BATCHES = Wait()
"""Training batches of this process. They are made where they are used, so making them is waiting for them."""
