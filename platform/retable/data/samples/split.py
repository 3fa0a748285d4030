"""Samples of one split as batches, and the seconds that this process has waited for batches."""

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
    """Samples of one split. A sample depends on nothing but (seed, iteration, sample index).

    Args:
        root: the data set.
        catalog: its catalog, checked against the spec.
        spec: specification of the samples.
        split: ``train`` or ``test``.
        seed: the trial's training seed.
        cache: cache folder for shards; the user's own by default.
        readers: the reader processes.
        progress: called after each file that is decoded.

    Attributes:
        root: as given.
        spec: as given.
        seed: as given.
        classes: names by label.
        fingerprint: identity of the samples: content and split of the data set, spec and resize filter, 16
            hex digits.
        notice: skipped files with the reasons, in a sentence; empty if there is none.

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
        self.classes, self.notice = catalog.classes, usable.skipped_text
        self.fingerprint = fingerprint(catalog.fingerprint, spec, self._shards.quarantined)

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    @property
    def labels(self) -> tuple[int, ...]:
        """Label of each file, from 0 in the order of `classes`."""
        return tuple(file.label or 0 for file in self._files)

    def with_seed(self, seed: int) -> Self:
        """Copy with another seed. Nothing is opened again."""
        other = copy(self)
        other.seed = seed
        return other

    @abstractmethod
    def sample(self, iteration: int, index: int) -> tuple[Pixels, int]:
        """Training sample of an iteration and global sample index, and its label."""

    @abstractmethod
    def evaluation(self, index: int) -> tuple[Pixels, int]:
        """Test sample of file `index`, never mirrored, and its label."""

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Training samples: uint8, stacked along a first axis, and int64 labels (N,)."""
        with BATCHES.counted():
            return _stacked([self.sample(iteration, index) for index in indices])

    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Test samples of these files, in the shape of `batch`."""
        return _stacked([self.evaluation(index) for index in indices])


def _stacked(samples: Sequence[tuple[Pixels, int]]) -> tuple[Tensor, Tensor]:
    pixels, labels = zip(*samples, strict=True)
    return torch.from_numpy(np.stack(pixels)), torch.tensor(labels)


def spread(count: int, of: int) -> list[int]:
    """Numbers of `count` samples, evenly spaced among `of`; all if there are fewer."""
    count = min(count, of)
    return [number * of // count for number in range(count)]


@dataclass
class Wait:
    """Total of seconds waited so far; subtract two readings for the time between them."""

    seconds: float = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Add the seconds of the block, also if it raises."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - start


BATCHES = Wait()
"""Seconds waited for training batches in this process. Making a batch counts, as it is made on demand."""
