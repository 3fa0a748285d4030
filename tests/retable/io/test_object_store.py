from pathlib import Path

import pytest

from retable.io.object_store import Bucket


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket((tmp_path / "far" / "results").as_uri())


def test_what_is_written_is_listed_and_read(bucket: Bucket, tmp_path: Path) -> None:
    assert bucket.sizes() == {}
    assert bucket.size("a/b.json") is None
    bucket.write("a/b.json", b"hello")
    bucket.write("a/c/d", b"")
    assert bucket.sizes() == {"a/b.json": 5, "a/c/d": 0}
    assert bucket.sizes("a/c") == {"a/c/d": 0}
    assert bucket.size("a/b.json") == 5
    assert bucket.size("a/c") is None
    assert bucket.read("a/b.json") == b"hello"
    assert bucket.read("a/b.json", 3) == b"lo"
    bucket.download("a/b.json", tmp_path / "near")
    assert (tmp_path / "near").read_bytes() == b"hello"
    bucket.upload(tmp_path / "near", "e")
    assert bucket.read("e") == b"hello"


def test_what_is_gone_may_be_deleted_again(bucket: Bucket) -> None:
    bucket.write("a", b"x")
    bucket.delete("a")
    bucket.delete("a")
    with pytest.raises(FileNotFoundError):
        bucket.read("a")


def test_an_upload_that_was_cut_off_leaves_the_old_file_and_is_not_listed(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.write("a", b"old")
    (tmp_path / "near").write_bytes(b"new, and longer")
    monkeypatch.setattr("retable.io.object_store._chunks", cut_off)
    with pytest.raises(OSError, match="cut off"):
        bucket.upload(tmp_path / "near", "a")
    assert bucket.read("a") == b"old"
    assert bucket.sizes() == {"a": 3}


def cut_off(path: Path):  # type: ignore[no-untyped-def]
    yield path.read_bytes()[:5]
    raise OSError("cut off")


@pytest.mark.parametrize("url", ["results", "what://place/folder", "s3:/folder", "file:"])
def test_a_place_that_can_not_be_is_told_with_what_can(url: str) -> None:
    with pytest.raises(ValueError, match="s3://BUCKET/FOLDER"):
        Bucket(url)
