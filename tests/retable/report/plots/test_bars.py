import re
from pathlib import Path

import pytest
from PIL import Image

from retable.report.plots.bars import Panel, draw_bars

PANELS = [
    Panel("apples", "kg", ("one", "two"), {"before": (851.2, 0.2827), "after": (24.05, 0.0)}),
    Panel("pears", "kg", ("one", "two"), {"before": (1.0, 2.0), "after": (0.5, 1.5)}),
    Panel("plums", "g", ("one", "two"), {"before": (1.0, 2.0), "after": (0.5, 1.5)}),
]


def test_both_files_show_every_name_and_value(tmp_path: Path) -> None:
    png, svg = draw_bars(PANELS, tmp_path / "new" / "fruit.v1")
    assert (png.name, svg.name) == ("fruit.v1.png", "fruit.v1.svg")
    with Image.open(png) as image:
        assert image.format == "PNG"
        assert image.size == (1500, 1020)
        colours = {colour for _, colour in image.convert("RGB").getcolors(2**24) or []}
        assert {(0x44, 0x77, 0xAA), (0xEE, 0x66, 0x77)} <= colours
    text = svg.read_text(encoding="utf-8")
    shown = set(re.findall(r">([^<>\n]+)</text>", text))
    assert {"apples", "pears", "plums", "kg", "g", "one", "two", "before", "after"} <= shown
    assert {"851", "0.28", "24.1", "0.00", "1.00", "1.50"} <= shown


def test_the_same_panels_give_the_same_bytes(tmp_path: Path) -> None:
    first = [file.read_bytes() for file in draw_bars(PANELS, tmp_path / "a" / "fruit")]
    again = [file.read_bytes() for file in draw_bars(PANELS, tmp_path / "b" / "fruit")]
    assert first == again


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("here", encoding="utf-8")
    with pytest.raises(OSError, match="taken"):
        draw_bars(PANELS, tmp_path / "taken" / "fruit")
