"""Splits, classes and what is left out of folders of images; leaks between splits."""

import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from retable.data.decode.errors import DataError
from retable.data.scan.catalog import Catalog
from retable.data.scan.check import Report, check, rendered
from retable.data.scan.folders import SkippedEntries, subfolders, walk
from retable.data.scan.image_folders import read_images
from retable.data.scan.left_out import left_out
from tests.retable.data.scan.test_image_folders import write_images

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases" / "folders"
cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"there is no {CASES}")


def checked(root: Path, cache: Path) -> Report:
    return check(root, cache=cache)


def text(report: Report) -> str:
    page = io.StringIO()
    Console(width=240, file=page).print(rendered(report))
    return " ".join(page.getvalue().split())


def counts(catalog: Catalog) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for video in catalog.videos:
        name = "?" if video.label is None else catalog.classes[video.label]
        found[name, video.split] = found.get((name, video.split), 0) + 1
    return found


def split_set(root: Path, *names: str, deep: bool = True) -> Path:
    middle = ("cat/", "dog/") if deep else ("",)
    return write_images(root, [f"{name}/{c}{n}.png" for name in names for c in middle for n in range(3)])


TESTS = ["val", "valid", "validation", "dev", "eval", "test", "VALID", "Test"]


@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize("tested", TESTS)
def test_every_name_of_a_split_in_any_case(tmp_path: Path, tested: str, deep: bool) -> None:
    train = "TRAIN" if tested.isupper() else "train"
    layout = read_images(split_set(tmp_path / "set", train, tested, deep=deep))
    assert layout.classes == (("cat", "dog") if deep else ("image",))
    assert {line.split for line in layout.listed if line.path.startswith(train)} == {"train"}
    assert {line.split for line in layout.listed if line.path.startswith(tested + "/")} == {"test"}
    assert layout.splits == ", ".join(
        f"{name}/ is {'train' if name == train else 'test'}" for name in sorted([train, tested])
    )


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "cat"),  # which is the split, and which the class?
        ("training", "testing"),
        ("train", "test_set"),
        ("train2017", "val2017"),
        ("test", "val"),
        ("test",),
        ("train", "Train", "test"),
        ("train", "extra"),
        ("images_train", "images_test"),
        ("dog", "validation"),
    ],
)
def test_folders_that_look_like_splits_and_are_not_understood(tmp_path: Path, names: Sequence[str]) -> None:
    with pytest.raises(DataError, match="look like splits and are not understood: .*; there must be train"):
        read_images(split_set(tmp_path / "set", *names))


def test_classes_whose_names_begin_like_a_split(tmp_path: Path) -> None:
    names = ("trains", "testudo", "valley", "developers", "evalina")
    layout = read_images(write_images(tmp_path / "set", [f"{name}/a.png" for name in names]))
    assert layout.classes == tuple(sorted(names))


def test_classes_and_counts_of_each_split_are_always_printed(tmp_path: Path) -> None:
    page = text(checked(split_set(tmp_path / "set", "train", "valid"), tmp_path / "cache"))
    for expected in (
        "images by class and split",
        "│ cat │ 3 │ 3 │",
        "│ all │ 6 │ 6 │",
        "Splits: train/ is train, valid/ is test.",
    ):
        assert expected in page, page


def test_what_is_left_out_is_counted_a_line_a_kind(tmp_path: Path) -> None:
    root = write_images(tmp_path / "set", [f"{c}/{n}.png" for c in ("cat", "dog") for n in range(3)])
    write_images(
        root,
        ["@eaDir/1.jpg/thumb.jpg", "__MACOSX/cat/0.png", "cat/.hidden.png", "lost+found/x.png", ".git/x.png"],
    )
    (root / "cat" / "Thumbs.db").write_bytes(b"")
    (root / "cat" / "notes.txt").write_text("a note")
    (root / "cat" / "moving.gif").write_bytes(b"GIF89a")
    (root / "cat" / "other.gif").write_bytes(b"GIF89a")
    (root / "cat" / "deep").mkdir()
    (root / "cat" / "up").symlink_to(root)
    report = checked(root, tmp_path / "cache")
    assert report.left_out == (
        "3 files whose names end in what is not read: 2 .gif, 1 .txt",
        "2 hidden files or folders: .git, cat/.hidden.png",
        "4 leftovers of a NAS or an operating system, with 3 files: @eaDir, __MACOSX, cat/Thumbs.db, …",
        "1 linked folder to what is here anyway: cat/up",
        "1 folder with nothing in it: cat/deep",
    )
    assert report.catalog.classes == ("cat", "dog")
    assert "Left out: 2 hidden files or folders" in text(report)


def test_files_beside_lists_and_splits_are_counted(tmp_path: Path) -> None:
    root = split_set(tmp_path / "set", "train", "test")
    write_images(root, ["beside.png"])
    assert checked(root, tmp_path / "cache").left_out == ("1 image that no list or layout names: beside.png",)
    listed = write_images(tmp_path / "listed", ["a/1.png", "b/2.png", "a/3.png"])
    for name, lines in {
        "classInd": "1 a\n2 b\n",
        "trainlist01": "a/1.png 1\nb/2.png 2\n",
        "testlist01": "a/1.png\n",
    }.items():
        (listed / f"{name}.txt").write_text(
            lines.replace("a/1.png\n", "b/gone.png\n") if name == "testlist01" else lines
        )
    assert left_out(listed, ["a/1.png", "b/2.png"], "image") == (
        "1 image that no list or layout names: a/3.png",
    )
    assert left_out(tmp_path / "nowhere", [], "image") == ()


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    away = write_images(tmp_path / "away", ["cat/1.png", "cat/more/2.png"])
    root = write_images(tmp_path / "set", ["dog/1.png"])
    (root / "cat").symlink_to(away / "cat")
    (away / "cat" / "loop").symlink_to(away / "cat")
    (away / "cat" / "root").symlink_to(root)
    (root / "dog" / "again").symlink_to(root / "dog")
    layout = read_images(root)
    assert layout.classes == ("cat", "dog")
    assert [line.path for line in layout.listed] == ["dog/1.png", "cat/1.png", "cat/more/2.png"]


def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    folders = [tmp_path / f"f{n}" for n in range(12)]
    for folder in folders:
        folder.mkdir()
        for other in folders:
            (folder / f"to_{other.name}").symlink_to(other)
    assert len(list(walk(tmp_path))) == 13


def test_a_folder_that_can_not_be_listed_is_refused_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_images(tmp_path / "set", ["cat/1.png", "dog/1.png", "dog/closed/2.png"])
    real = os.listdir

    def closed(path: str | Path) -> list[str]:  # whoever runs as root may list all
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "listdir", closed)
    with pytest.raises(DataError, match=r"dog/closed can't be listed \(Permission denied\).*chmod u\+rx"):
        read_images(root)
    assert left_out(root, ["cat/1.png", "dog/1.png"], "image") == (
        "1 folder that can't be listed: dog/closed",
    )
    passed = SkippedEntries()
    assert sum(len(names) for _, names in walk(root, passed)) == 2
    assert passed.closed == [root / "dog" / "closed"]
    assert subfolders(root) == [root / "cat", root / "dog"]


@pytest.mark.parametrize("content", [(), ("a.gif", "b.heic"), ("deep/a.mp4",)])
@pytest.mark.parametrize("inside", ["", "train/"])
def test_a_class_that_would_vanish_is_refused(tmp_path: Path, content: Sequence[str], inside: str) -> None:
    root = write_images(tmp_path / "set", [f"{inside}{c}/{n}.png" for c in ("cat", "dog") for n in range(3)])
    lost = root / inside / "lost"
    lost.mkdir()
    for name in content:
        (lost / name).parent.mkdir(exist_ok=True)
        (lost / name).write_bytes(b"picture")
    with pytest.raises(DataError, match="the class lost would be lost: .*; put images there"):
        read_images(root)


def test_a_folder_of_other_things_is_no_class(tmp_path: Path) -> None:
    root = write_images(tmp_path / "set", ["cat/1.png", "dog/1.png"])
    (root / "annotations").mkdir()
    (root / "annotations" / "1.xml").write_text("<xml/>")
    assert read_images(root).classes == ("cat", "dog")


@pytest.mark.parametrize("suffix", ["avif", "jfif", "jpe", "JPE"])
def test_suffixes_that_were_passed_over(tmp_path: Path, suffix: str) -> None:
    root = tmp_path / "set"
    for seed, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        pixels = np.full((16, 16, 3), 90 * seed + 20, np.uint8)
        Image.fromarray(pixels).save(root / name / f"1.{suffix}", "avif" if suffix == "avif" else "jpeg")
    catalog = checked(root, tmp_path / "cache").catalog
    assert [(v.path, v.problem) for v in catalog.videos] == [
        (f"{c}/1.{suffix}", None) for c in ("cat", "dog")
    ]


def test_equal_content_in_two_splits_is_told(tmp_path: Path) -> None:
    root = split_set(tmp_path / "set", "train", "test")
    shutil.copyfile(root / "train/cat/0.png", root / "test/cat/renamed.png")
    report = checked(root, tmp_path / "cache")
    assert [(v.path, v.note) for v in report.leaked] == [
        ("test/cat/renamed.png", "the same content as train/cat/0.png, which is trained on")
    ]
    assert "1 tested image is trained on too" in report.summary
    assert "the same content as train/cat/0.png" in text(report)
    (root / "test/cat/renamed.png").unlink()
    assert "trained on too" not in checked(root, tmp_path / "cache").summary


@cases
def test_the_cases(tmp_path: Path) -> None:
    report = checked(CASES / "valid", tmp_path)
    assert counts(report.catalog) == {(c, s): 4 for c in ("cat", "dog") for s in ("train", "test")}
    report = checked(CASES / "eadir", tmp_path)
    assert report.catalog.classes == ("cat", "dog")
    assert "3 leftovers of a NAS" in " ".join(report.left_out)
    refusal = checked(CASES / "emptyclass", tmp_path).refusal
    assert "no video at all is of the class Ghost" in (refusal or "")
    with pytest.raises(DataError, match=r"A/v_A_g01_c01\.mp4 is listed 2 times"):
        checked(CASES / "spell", tmp_path)
