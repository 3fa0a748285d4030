"""What was asked and decided is on the disk before it counts, and is read back as it was."""

from pathlib import Path

import pytest

from retable.search.history import Rung, SearchHistory

DECLARED = {"space": [{"name": "x", "low": 0.1}], "objectives": ["is"]}


def test_points_are_read_back_as_they_were(tmp_path: Path) -> None:
    points = SearchHistory(tmp_path / "a" / "points.json", DECLARED)
    points.add({"x": 0.1 + 0.2, "kind": "long"}, "s0")
    points.add({"x": 3.0, "kind": "short"}, "s1")
    points.add_rung(1, 12, Rung(2.5, "is…", kept=True))
    points.add_rung(1, 36, Rung(2.25, "is…", kept=False))
    again = SearchHistory(points.path, DECLARED)
    assert list(again) == list(points)
    assert [one.pruned_at for one in again] == [None, 36]
    assert [rung.value for rung in again.at_rung(12)] == [2.5]


def test_the_first_word_on_a_rung_counts(tmp_path: Path) -> None:
    points = SearchHistory(tmp_path / "points.json", DECLARED)
    points.add({"x": 1.0}, "s0")
    points.add_rung(0, 12, Rung(2.5, "is", kept=False))
    assert points.add_rung(0, 12, Rung(9.0, "is", kept=True)).pruned_at == 12


def test_a_file_of_another_search_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    points = SearchHistory(tmp_path / "points.json", DECLARED)
    points.add({"x": 1.0}, "s0")
    with pytest.raises(ValueError, match="belongs to another search; move it away and run again"):
        SearchHistory(points.path, {**DECLARED, "objectives": ["fid"]})
    points.path.write_text(points.path.read_text()[:-20])
    with pytest.raises(ValueError, match=r"points\.json is damaged"):
        SearchHistory(points.path, DECLARED)
