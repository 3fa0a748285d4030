import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retable.data.decode.errors import DataError
from retable.data.scan.catalog import Catalog, scan
from retable.data.scan.image_folders import BY_CONTENT, by_content, is_image_set, read_images
from retable.data.scan.probe import ProbeResult
from retable.data.scan.ucf101 import Listed


def write_images(root: Path, paths: Sequence[str], size: int = 16) -> Path:
    for seed, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / path)
    return root


def placed(catalog: Catalog) -> dict[str, tuple[str, int | None]]:
    return {v.path: (v.split, v.label) for v in catalog.videos}


def test_class_folders_are_searched_to_their_depth(tmp_path: Path) -> None:
    root = write_images(tmp_path / "set", ["cat/a.png", "cat/deep/b.JPG", "dog/c.webp", ".hidden/d.png"])
    (root / "dog" / "notes.txt").write_text("no image")
    assert is_image_set(root)
    layout = read_images(root)
    assert (layout.classes, layout.kind) == (("cat", "dog"), "image")
    assert {(line.path, line.label, line.split) for line in layout.listed} == {
        ("cat/a.png", 0, BY_CONTENT),
        ("cat/deep/b.JPG", 0, BY_CONTENT),
        ("dog/c.webp", 1, BY_CONTENT),
    }


def test_a_flat_folder_is_one_class(tmp_path: Path) -> None:
    root = write_images(tmp_path / "set", [f"{n:05}.jpg" for n in range(30)])
    catalog = scan(root, cache=tmp_path / "cache")
    assert (catalog.classes, catalog.kind) == (("image",), "image")
    assert (
        sorted(split for split, label in placed(catalog).values() if label == 0)
        == ["test"] * 3 + ["train"] * 27
    )


def test_an_image_beside_the_class_folders_has_no_label(tmp_path: Path) -> None:
    root = write_images(tmp_path / "set", ["cat/a.png", "dog/b.png", "lost.png"])
    catalog = scan(root, cache=tmp_path / "cache")
    assert [(v.path, v.problem) for v in catalog.videos if v.problem] == [("lost.png", "unknown label")]


def test_folders_that_are_splits(tmp_path: Path) -> None:
    root = write_images(
        tmp_path / "set", ["train/cat/a.png", "train/dog/b.png", "val/cat/c.png", "val/dog/d.png"]
    )
    catalog = scan(root, cache=tmp_path / "cache")
    assert placed(catalog) == {
        "train/cat/a.png": ("train", 0),
        "train/dog/b.png": ("train", 1),
        "val/cat/c.png": ("test", 0),
        "val/dog/d.png": ("test", 1),
    }
    assert catalog.classes == ("cat", "dog")


def test_a_train_folder_alone_is_split_and_a_class_may_be_called_train(tmp_path: Path) -> None:
    alone = write_images(tmp_path / "alone", [f"train/{c}/{n}.png" for c in "ab" for n in range(4)])
    assert {line.split for line in read_images(alone).listed} == {BY_CONTENT}
    assert read_images(alone).classes == ("a", "b")
    assert read_images(write_images(tmp_path / "lsun", ["train/a.png", "bus/b.png"])).classes == (
        "bus",
        "train",
    )


def test_lists_go_before_folders(tmp_path: Path) -> None:
    root = write_images(tmp_path / "set", ["cat/a.png", "dog/b.png", "cat/c.png", "unlisted.png"])
    (root / "classInd.txt").write_text("1 dog\n2 cat\n")
    (root / "trainlist01.txt").write_text("dog/b.png 1\ncat/a.png 2\n")
    (root / "testlist01.txt").write_text("cat/c.png\n")
    catalog = scan(root, cache=tmp_path / "cache")
    assert catalog.kind == "image"
    assert placed(catalog) == {"dog/b.png": ("train", 0), "cat/a.png": ("train", 1), "cat/c.png": ("test", 1)}


def test_the_split_is_of_the_content_and_part_of_the_fingerprint(tmp_path: Path) -> None:
    names = [f"{c}/{n}.png" for c in "ab" for n in range(20)]
    root = write_images(tmp_path / "set", names)
    first = scan(root, cache=tmp_path / "cache")
    copy = tmp_path / "copy"
    for number, name in enumerate(reversed(names)):
        (copy / name[0]).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, copy / name[0] / f"renamed{number}.png")
    again = scan(copy, cache=tmp_path / "cache")
    assert again.fingerprint == first.fingerprint
    assert [v.sha256 for v in again.usable("test").videos] == [v.sha256 for v in first.usable("test").videos]
    assert sorted(v.label or 0 for v in first.usable("test").videos) == [0, 0, 1, 1]

    listed = tmp_path / "listed"
    shutil.copytree(root, listed / "train")
    (listed / "val" / "a").mkdir(parents=True)
    (listed / "train" / "a" / "0.png").rename(listed / "val" / "a" / "0.png")
    assert scan(listed, cache=tmp_path / "cache").fingerprint != first.fingerprint


def test_equal_files_are_in_one_split_and_two_are_enough() -> None:
    lines = [Listed(f"{n}.png", BY_CONTENT, 0) for n in range(4)]
    found = {f"{n}.png": ProbeResult(sha256=digest) for n, digest in enumerate(["aa", "bb", "aa", ""])}
    assert [line.split for line in by_content(lines, found)] == ["test", "train", "test", "train"]
    assert [line.split for line in by_content(lines[:1], found)] == ["train"]
    given = [Listed("0.png", "train", 0)]
    assert by_content(given, found) == tuple(given)


def test_no_images(tmp_path: Path) -> None:
    assert not is_image_set(tmp_path)
    with pytest.raises(DataError, match=r"holds no images; their names must end in \.avif, \.bmp, "):
        read_images(tmp_path)
