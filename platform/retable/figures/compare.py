"""Several trials beside each other: a row for each, the same noise in each column."""

from collections.abc import Iterator, Mapping

import numpy as np

from retable.figures.kinds import Figure, Film, Sheet
from retable.pictures import Pixels

SHOWN = 6


def comparison(films: Mapping[str, Film]) -> Iterator[Figure]:
    """The first clips of each trial's film, playing and as stills of the middle frame.

    Shorter clips stay at their last frame, smaller ones are enlarged by a whole factor, and lie in the upper left
    corner where the sizes are no multiples.

    Args:
        films: what to call a trial -> its film.
    """
    clips = [film.clips[:SHOWN] for film in films.values()]
    columns = min(len(some) for some in clips)
    frames = max(some.shape[1] for some in clips)
    side = max(max(some.shape[3:]) for some in clips)
    rows = [_fitted(some[:columns], frames, side) for some in clips]
    caption = "One row for each trial, the same z in each column."
    yield Film("comparison", caption, np.concatenate(rows), columns, tuple(films))
    yield Sheet("comparison", f"{caption} The middle frame.", _middles(rows), tuple(films))


def _fitted(clips: Pixels, frames: int, side: int) -> Pixels:
    """(N, T, C, H, W) -> (N, frames, C, side, side)."""
    factor = side // max(clips.shape[3:])
    clips = clips.repeat(factor, axis=3).repeat(factor, axis=4)
    missing = ((0, 0), (0, frames - clips.shape[1]), (0, 0), (0, 0), (0, 0))
    clips = np.pad(clips, missing, mode="edge")
    below, right = (side - size for size in clips.shape[3:])
    return np.pad(clips, ((0, 0), (0, 0), (0, 0), (0, below), (0, right)))


def _middles(rows: list[Pixels]) -> Pixels:
    """(rows, columns, C, H, W)."""
    return np.stack([clips[:, clips.shape[1] // 2] for clips in rows])
