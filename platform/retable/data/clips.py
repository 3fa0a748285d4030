"""Clips of a data set's videos. Which clip a sample is depends on nothing but (seed, iteration, sample index)."""

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retable.data.catalog import scan
from retable.data.readers import Progress, Readers
from retable.data.shards import open_shards
from retable.data.spec import ClipSpec, fingerprint
from retable.data.video import Frames
from retable.streams import stream


class Clips:
    """Clips of one split, cut from memory-mapped shards that are made on first use.

    Args:
        root: a data set, as `retable.data.catalog.scan` takes it.
        spec: how clips are cut.
        split: ``train`` or ``test``.
        seed: the trial's training seed.
        cache: cache folder for scans and shards; the user's own by default.
        readers: the processes that read videos which nobody has read yet.
        progress: told about videos that are being read.

    Attributes:
        root: as given.
        spec: as given.
        classes: names by label.
        fingerprint: identity of the clips: content of the data set, spec and resize filter, 16 hex digits.
        notice: which videos are skipped and why, in a sentence; empty if none is.

    Raises:
        DataError: the data set can't be used, or more than 1% of it or a whole class can't.
    """

    def __init__(
        self,
        root: Path,
        spec: ClipSpec,
        split: str,
        seed: int,
        cache: Path | None = None,
        *,
        readers: Readers | None = None,
        progress: Progress | None = None,
    ) -> None:
        catalog = scan(root, frames=spec.frames, cache=cache, readers=readers, progress=progress).of("video")
        videos = catalog.usable(split).videos
        cache = catalog.prepared or cache
        shards = open_shards(videos, catalog.folder, spec, cache=cache, readers=readers, progress=progress)
        usable = catalog.without(shards.quarantined).usable(split)
        self.root = root
        self.spec = spec
        self.seed = seed
        self.classes = catalog.classes
        self.fingerprint = fingerprint(catalog.fingerprint, spec, shards.quarantined)
        self.notice = usable.notice
        self._shards = shards
        self._videos = [(video.sha256, video.frames, video.label or 0) for video in usable.videos]

    def __len__(self) -> int:
        """Number of videos."""
        return len(self._videos)

    @property
    def labels(self) -> tuple[int, ...]:
        """The label of each video, from 0 in the order of `classes`."""
        return tuple(label for _, _, label in self._videos)

    def with_seed(self, seed: int) -> "Clips":
        """The same videos, drawn with another seed. Nothing is opened again."""
        other = copy(self)
        other.seed = seed
        return other

    def sample(self, iteration: int, index: int) -> tuple[Frames, int]:
        """The training clip of that iteration and global sample index: uint8 (T, 3, size, size) and its label.

        The video is uniform over the split, the first frame and the left edge as `ClipSpec` says, and half of the
        clips are mirrored.
        """
        draw = stream(self.seed, "clip", iteration, index)
        video = int(draw.integers(len(self._videos)))
        start = int(draw.integers(self.spec.starts(self._videos[video][1])))
        left = self.spec.lefts[int(draw.integers(len(self.spec.lefts)))]
        flip = bool(draw.integers(2)) and self.spec.flip
        return self._cut(video, start, left, flip)

    def evaluation(self, index: int) -> tuple[Frames, int]:
        """The one test clip of video `index`: middle frames, centre crop, never mirrored."""
        start = (self._videos[index][1] - self.spec.frames) // 2
        return self._cut(index, start, self.spec.slack // 2, flip=False)

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Training clips: uint8 (N, T, 3, size, size) and int64 labels (N,)."""
        return _stacked([self.sample(iteration, index) for index in indices])

    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Test clips of the videos of these numbers, shaped as `batch` does."""
        return _stacked([self.evaluation(index) for index in indices])

    def _cut(self, video: int, start: int, left: int, flip: bool) -> tuple[Frames, int]:
        sha256, _, label = self._videos[video]
        clip = self._shards.clip(sha256, start, self.spec.frames)[..., left : left + self.spec.size]
        return np.ascontiguousarray(clip[..., ::-1] if flip else clip), label


def prepare(root: Path, spec: ClipSpec, progress: Progress | None = None) -> str:
    """Decode what clips of that spec are cut from, train and test, unless it has been decoded before.

    Returns:
        Which videos are skipped and why; empty if none is.

    Raises:
        DataError: the data set can't be trained on.
    """
    notices = [Clips(root, spec, split, 0, progress=progress).notice for split in ("train", "test")]
    return "; ".join(filter(None, notices))


def to_model(clips: Tensor) -> Tensor:
    """uint8 (N, T, C, H, W) -> float32 (N, C, T, H, W), (u - 128) / 128, in [-1, 0.9921875]."""
    return (clips.transpose(1, 2).contiguous().float() - 128) / 128


def to_uint8(clips: Tensor) -> Tensor:
    """float (N, C, T, H, W) -> uint8 (N, T, C, H, W): the inverse of `to_model`, rounded and clipped to 0..255."""
    return (clips.float() * 128 + 128).round().clamp(0, 255).to(torch.uint8).transpose(1, 2).contiguous()


def _stacked(samples: Sequence[tuple[Frames, int]]) -> tuple[Tensor, Tensor]:
    clips, labels = zip(*samples, strict=True)
    return torch.from_numpy(np.stack(clips)), torch.tensor(labels)
