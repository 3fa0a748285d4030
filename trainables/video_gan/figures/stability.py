"""Figures 8, 11 and 15: first frames that do not belong to the rest, seen and measured."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from retable.figures.kinds import Curves, Sheet
from retable.metrics.similarity import psnr, ssim
from retable.report.plots.lines import Line, LinePanel
from retable.trial.figures import Figure
from trainables.video_gan.figures.sampler import BATCH, Sampler

SHOWN, FIRST = 8, 6
"""Clips, and frames of each: the paper shows the initial six."""
RANGE = 2.0
"""Of pixels in [-1, 1]."""


def first_frames(sampler: Sampler) -> Iterator[Figure]:
    """The first frames of some clips (Figures 8, 11)."""
    clips = sampler.clips(sampler.shown(range(SHOWN)))[:, :FIRST]
    yield Sheet(
        "first_frames",
        f"Figures 8, 11: the first {clips.shape[1]} frames of {SHOWN} clips, one in a row.",
        clips,
    )


def measured(sampler: Sampler, samples: int, progress: Callable[[int, int], None]) -> Iterator[Figure]:
    """Differences of consecutive frames, and similarity of levels 1 and 4 (Figure 15), by frame."""
    shown = sorted({sampler.config.levels[0], sampler.config.levels[-1]})
    changes: dict[int, list[Tensor]] = {level: [] for level in shown}
    alike: list[tuple[Tensor, Tensor]] = []
    for start in range(0, samples, BATCH):
        codes = sampler.measured(range(start, min(start + BATCH, samples)))
        videos = [sampler.videos(codes, level) for level in shown]
        for level, video in zip(shown, videos, strict=True):
            changes[level].append(frame_changes(video).cpu())
        if len(shown) > 1:
            alike.append(similarities(*videos))
        progress(start + len(codes), samples)
    yield Curves(
        "frame_differences",
        "Mean absolute difference between a frame and the one before it, for pixels in [-1, 1]: Figures 8, 11 as a "
        "number. The paper has none.",
        [
            LinePanel(
                "difference to the frame before",
                "mean absolute difference",
                "frame",
                range(2, sampler.config.frames + 1),
                {f"level {level}": _line(changes[level]) for level in shown},
            )
        ],
    )
    if alike:
        yield _similarity(alike, range(1, sampler.config.frames + 1))


def _similarity(alike: Sequence[tuple[Tensor, Tensor]], frames: range) -> Curves:
    ratios, structures = zip(*alike, strict=True)
    return Curves(
        "similarity",
        "Figure 15: levels 1 and 4 of the same z, level 1 resized to level 4, by frame; means over samples with 95% "
        "intervals. Not said in the paper, and here: bilinear resizing, colour (all channels alike), SSIM with a "
        "Gaussian window of 11 × 11 and σ = 1.5 mirrored at the borders, the mean of each sample's PSNR in dB, "
        "Student's intervals of the mean.",
        [
            LinePanel("PSNR", "dB", "frame", frames, {"levels 1 and 4": _line(ratios)}),
            LinePanel("SSIM", "SSIM", "frame", frames, {"levels 1 and 4": _line(structures)}),
        ],
    )


def frame_changes(video_NCTHW: Tensor) -> Tensor:
    """Mean absolute difference of each frame to the one before it: (N, T - 1)."""
    return video_NCTHW.diff(dim=2).abs().mean(dim=(1, 3, 4))


def similarities(low_NCTHW: Tensor, high_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
    """PSNR and SSIM of each frame, (N, T) on the CPU, with the lower resolution resized to the higher (§5.6)."""
    n, _, t, h, w = high_NCTHW.shape
    low, high = (video.transpose(1, 2).flatten(0, 1) for video in (low_NCTHW, high_NCTHW))
    low = F.interpolate(low, size=(h, w), mode="bilinear", align_corners=False)
    ratio, structure = (measure(low, high, RANGE).view(n, t).cpu() for measure in (psnr, ssim))
    return ratio, structure


def _line(parts: Sequence[Tensor]) -> Line:
    values: np.ndarray = torch.cat(list(parts)).double().numpy()
    return Line.of(values)
