"""Files and folders are there whole or not at all, and sealed lines show any change."""

import errno
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retable.io import files
from retable.io.files import (
    DiskFull,
    make_folder,
    new_folder,
    read_json,
    replacing,
    room_for,
    seal,
    unseal,
    write_json,
    write_text,
)


def test_json_replaces_the_old_file_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.json"
    for value in ({"a": [1, 2.5, None]}, {"b": "ü"}):
        write_json(path, value)
        assert json.loads(path.read_text(encoding="utf-8")) == value
    assert list(tmp_path.rglob("*")) == [path.parent, path]


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}])
def test_json_refuses_a_number_that_is_not_finite(tmp_path: Path, value: object) -> None:
    write_text(tmp_path / "result.json", "old")
    with pytest.raises(ValueError, match="JSON compliant") as refused:
        write_json(tmp_path / "result.json", value)
    assert "finite" in refused.value.__notes__[0]
    assert (tmp_path / "result.json").read_text() == "old"


def test_every_new_folder_is_synced_into_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync", synced.append)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]


def test_a_new_folder_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "clips"
    with new_folder(path) as temporary:
        (temporary / "one").write_text("1")
        assert not path.exists()
        assert temporary.parent == tmp_path
    assert [file.name for file in path.iterdir()] == ["one"]
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "more") as temporary:
        raise KeyboardInterrupt
    with pytest.raises(OSError, match="not empty"), new_folder(path):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(DiskFull, match="are needed in .* are free.*make room"), room_for(2 * free, tmp_path):
        pytest.fail("the block must not begin")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    write_text(tmp_path / "note", "old")

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        write_text(tmp_path / "note", "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_other_errors_of_the_disk_are_not_called_full(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), room_for(1, tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_disk_full_counts_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1234))
    with (
        pytest.raises(DiskFull, match="5,000 bytes are needed .* but 1,234 are free"),
        room_for(5000, tmp_path),
    ):
        pass


Records = st.dictionaries(
    st.text(), st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)


@given(Records.filter(bool))
def test_a_sealed_record_comes_back(record: dict[str, object]) -> None:
    line = seal(record)
    assert line.count(b"\n") == 1
    assert json.loads(line).items() >= {key: value for key, value in record.items() if key != "crc32"}.items()
    assert unseal(line) == record


def test_every_flipped_bit_and_every_cut_of_a_sealed_record_is_found() -> None:
    line = seal({"iteration": 7, "metrics": {"loss": 0.125}})
    for position in range(len(line)):
        with pytest.raises(ValueError, match="checksum"):
            unseal(line[:position])
        for bit in range(8):
            damaged = bytearray(line)
            damaged[position] ^= 1 << bit
            with pytest.raises(ValueError, match="checksum"):
                unseal(bytes(damaged))


@pytest.mark.parametrize(
    ("content", "words"), [('{"a": 1', "is damaged"), ("[1]", "must hold a JSON object, but")]
)
def test_a_damaged_file_of_json_is_named(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1}
    path.write_text(content)
    with pytest.raises(ValueError, match=f"{path} {words} .*; restore a copy of it"):
        read_json(path)


def test_the_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert temporary.parent == path.parent
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("ha")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
