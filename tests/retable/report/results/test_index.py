import os
from pathlib import Path

import pytest

from retable.report.results import index
from retable.report.results.index import indexed


def result(results: Path, signature: str, content: bytes) -> Path:
    path = results / "trials" / signature / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_only_what_has_changed_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    read = index._entry

    def noted(path: Path) -> index.Entry:
        opened.append(path.parent.name)
        return read(path)

    monkeypatch.setattr(index, "_entry", noted)
    for signature in ("a", "b"):
        result(tmp_path, signature, signature.encode())
    assert indexed(tmp_path) == {"a": b"a", "b": b"b"}
    result(tmp_path, "c", b"\xff not UTF-8")
    result(tmp_path, "a", b"longer")
    assert indexed(tmp_path) == {"a": b"longer", "b": b"b", "c": b"\xff not UTF-8"}
    assert opened == ["a", "b", "a", "c"]
    assert indexed(tmp_path)["b"] == b"b"
    assert len(opened) == 4


def test_a_file_of_the_same_length_is_read_again_by_its_time(tmp_path: Path) -> None:
    path = result(tmp_path, "a", b"old")
    indexed(tmp_path)
    before = path.stat().st_mtime_ns
    path.write_bytes(b"new")
    os.utime(path, ns=(before + 1, before + 1))
    assert indexed(tmp_path) == {"a": b"new"}


def test_what_was_moved_away_is_forgotten(tmp_path: Path) -> None:
    path = result(tmp_path, "a", b"a")
    indexed(tmp_path)
    path.unlink()
    assert indexed(tmp_path) == {}


@pytest.mark.parametrize("damage", [b"", b"ARROW1\0\0 and then something else", None])
def test_the_index_can_be_lost_or_damaged(tmp_path: Path, damage: bytes | None) -> None:
    result(tmp_path, "a", b"a")
    indexed(tmp_path)
    path = tmp_path / "index.arrow"
    if damage is None:
        path.write_bytes(path.read_bytes()[:-40])
    else:
        path.write_bytes(damage)
    assert indexed(tmp_path) == {"a": b"a"}
    assert indexed(tmp_path) == {"a": b"a"}


def test_a_folder_without_trials_has_an_empty_index_and_gets_no_file(tmp_path: Path) -> None:
    assert indexed(tmp_path / "nowhere") == {}
    assert not (tmp_path / "nowhere").exists()
