from pathlib import Path

import pytest

from retable.io.object_store import ObjectStore


@pytest.fixture
def object_store(tmp_path: Path) -> ObjectStore:
    return ObjectStore((tmp_path / "far" / "results").as_uri())


def test_what_is_written_is_listed_and_read(object_store: ObjectStore, tmp_path: Path) -> None:
    assert object_store.sizes() == {}
    assert object_store.size("a/b.json") is None
    object_store.write("a/b.json", b"hello")
    object_store.write("a/c/d", b"")
    assert object_store.sizes() == {"a/b.json": 5, "a/c/d": 0}
    assert object_store.sizes("a/c") == {"a/c/d": 0}
    assert object_store.size("a/b.json") == 5
    assert object_store.size("a/c") is None
    assert object_store.read("a/b.json") == b"hello"
    assert object_store.read("a/b.json", 3) == b"lo"
    object_store.download("a/b.json", tmp_path / "near")
    assert (tmp_path / "near").read_bytes() == b"hello"
    object_store.upload(tmp_path / "near", "e")
    assert object_store.read("e") == b"hello"


def test_what_is_gone_may_be_deleted_again(object_store: ObjectStore) -> None:
    object_store.write("a", b"x")
    object_store.delete("a")
    object_store.delete("a")
    with pytest.raises(FileNotFoundError):
        object_store.read("a")


def test_an_upload_that_was_cut_off_leaves_the_old_file_and_is_not_listed(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_store.write("a", b"old")
    (tmp_path / "near").write_bytes(b"new, and longer")
    monkeypatch.setattr("retable.io.object_store._chunks", cut_off)
    with pytest.raises(OSError, match="cut off"):
        object_store.upload(tmp_path / "near", "a")
    assert object_store.read("a") == b"old"
    assert object_store.sizes() == {"a": 3}


def cut_off(path: Path):  # type: ignore[no-untyped-def]
    yield path.read_bytes()[:5]
    raise OSError("cut off")


@pytest.mark.parametrize("url", ["results", "what://place/folder", "s3:/folder", "file:"])
def test_a_place_that_can_not_be_is_told_with_what_can(url: str) -> None:
    with pytest.raises(ValueError, match="s3://BUCKET/FOLDER"):
        ObjectStore(url)
