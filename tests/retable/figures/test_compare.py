import numpy as np

from retable.figures.compare import comparison
from retable.figures.kinds import Curves, Film, Sheet
from retable.report.plots.lines import Line, LinePanel


def film(frames: int, side: int, value: int) -> Film:
    clips = np.full((9, frames, 3, side, side), value, dtype=np.uint8)
    clips[:, -1] += 1
    return Film("samples", "", clips, 3)


def curves(*names: str) -> Curves:
    return Curves(
        "change",
        "",
        [LinePanel("change", "", "frame", [1], {name: Line((1.0,), (0.1,), 2) for name in names})],
    )


def test_clips_of_any_size_lie_beside_each_other() -> None:
    playing, stills = comparison({"small": [film(4, 8, 10)], "large": [film(6, 20, 50)]})
    assert isinstance(playing, Film)
    assert isinstance(stills, Sheet)
    assert playing.clips.shape == (12, 6, 3, 20, 20)
    assert (playing.columns, playing.rows, stills.rows) == (6, ("small", "large"), ("small", "large"))
    small, large = playing.clips[0], playing.clips[6]
    assert (small[0, :, :16, :16] == 10).all()
    assert (small[3:, :, :16, :16] == 11).all()  # stays at its last frame
    assert (small[:, :, 16:] == 0).all()
    assert (large[4] == 50).all()
    assert stills.stills.shape == (2, 6, 3, 20, 20)


def test_lines_of_all_trials_share_the_axes() -> None:
    (together,) = comparison({"a": [curves("level 1", "level 4")], "b": [curves("level 4")], "c": []})
    assert isinstance(together, Curves)
    assert list(together.panels[0].lines) == ["a, level 1", "a, level 4", "b"]
