"""Several trials beside each other: a row of clips for each on the same noise, and a line for each in every plot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from retable.figures.kinds import Curves, Film, Sheet
from retable.io.media import Pixels
from retable.report.plots.lines import Line, LinePanel
from retable.trial.figures import Figure

SHOWN = 6


def comparison(figures: Mapping[str, Sequence[Figure]]) -> Iterator[Figure]:
    """Figures that compare several trials: their first films side by side, their curves in the same axes.

    Args:
        figures: name of a trial -> its figures, in the order in which its family gives them.
    """
    films = {
        trial: next((figure for figure in own if isinstance(figure, Film)), None)
        for trial, own in figures.items()
    }
    yield from _side_by_side({trial: film for trial, film in films.items() if film is not None})
    curves = {
        trial: {figure.name: figure for figure in own if isinstance(figure, Curves)}
        for trial, own in figures.items()
    }
    for name in dict.fromkeys(name for own in curves.values() for name in own):
        yield _overlaid({trial: own[name] for trial, own in curves.items() if name in own})


def _overlaid(curves: Mapping[str, Curves]) -> Curves:
    """The trials' lines in the same axes."""
    first = next(iter(curves.values()))
    panels = [
        replace(panel, lines=dict(_lines({trial: own.panels[at] for trial, own in curves.items()})))
        for at, panel in enumerate(first.panels)
    ]
    return replace(first, panels=panels)


def _lines(panels: Mapping[str, LinePanel]) -> Iterator[tuple[str, Line]]:
    """Each trial's, named by the trial, and by the line where a trial has several."""
    for trial, panel in panels.items():
        for name, line in panel.lines.items():
            yield (f"{trial}, {name}" if len(panel.lines) > 1 else trial), line


def _side_by_side(films: Mapping[str, Film]) -> Iterator[Figure]:
    """The first clips of each trial's film, playing and as stills of the middle frame.

    Shorter clips stay at their last frame, smaller ones are enlarged by a whole factor, and lie in the upper left
    corner where the sizes are no multiples.
    """
    if len(films) < 2:
        return
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
