"""Clips of a data set's videos. A sample depends on nothing but (seed, iteration, sample index)."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retable.data.decode.pool import Progress, Readers
from retable.data.decode.spec import ClipSpec
from retable.data.samples.split import Pixels, Split
from retable.data.scan.catalog import scan
from retable.trial.random import stream


class Clips(Split[ClipSpec]):
    """Clips of one split, cut from memory-mapped shards that are written on first use.

    Args:
        root: a data set, as `retable.data.scan.catalog.scan` takes it.
        spec: specification of the clips.
        cache: cache folder for scans and shards; the user's own by default.
        split, seed, readers, progress: as in `Split`, which lists the errors.
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
        super().__init__(root, catalog, spec, split, seed, cache, readers=readers, progress=progress)

    def sample(self, iteration: int, index: int) -> tuple[Pixels, int]:
        """Training clip of an iteration and global sample index: uint8 (T, 3, size, size) and its label.

        The video is uniform over the split, first frame and left edge are drawn by `ClipSpec`, and half of
        the clips are mirrored if the spec says so.
        """
        draw = stream(self.seed, "clip", iteration, index)
        video = int(draw.integers(len(self)))
        start = int(draw.integers(self.spec.starts(self._files[video].frames)))
        left = self.spec.lefts[int(draw.integers(len(self.spec.lefts)))]
        flip = bool(draw.integers(2)) and self.spec.flip
        return self._cut(video, start, left, flip)

    def evaluation(self, index: int) -> tuple[Pixels, int]:
        """Test clip of video `index`: middle frames, centre crop, never mirrored."""
        start = (self._files[index].frames - self.spec.frames) // 2
        return self._cut(index, start, self.spec.slack // 2, flip=False)

    def _cut(self, video: int, start: int, left: int, flip: bool) -> tuple[Pixels, int]:
        file = self._files[video]
        clip = self._shards.clip(file.sha256, start, self.spec.frames)[..., left : left + self.spec.size]
        return np.ascontiguousarray(clip[..., ::-1] if flip else clip), file.label or 0


def prepare(root: Path, spec: ClipSpec, progress: Progress | None = None) -> str:
    """Decode the frames that clips of this spec are cut from, train and test, unless they exist already.

    Returns:
        A notice of skipped videos with the reasons; empty if there is none.

    Raises:
        DataError: the data set can't be trained on.
    """
    notices = [Clips(root, spec, split, 0, progress=progress).notice for split in ("train", "test")]
    return "; ".join(filter(None, notices))


def to_model(clips: Tensor) -> Tensor:
    """Convert uint8 (N, T, C, H, W) to float32 (N, C, T, H, W), (u - 128) / 128, in [-1, 0.9921875]."""
    return (clips.transpose(1, 2).contiguous().float() - 128) / 128


def to_uint8(clips: Tensor) -> Tensor:
    """Convert float (N, C, T, H, W) to uint8 (N, T, C, H, W): inverse of `to_model`, rounded and clipped."""
    return (clips.float() * 128 + 128).round().clamp(0, 255).to(torch.uint8).transpose(1, 2).contiguous()
