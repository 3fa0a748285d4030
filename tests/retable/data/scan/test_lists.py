from pathlib import Path

import pytest

from retable.data.decode.errors import DataError
from retable.data.scan.ucf101 import Listed, read_layout


def write(
    root: Path, lists: str, videos: str, train: str = "A/v 1.mp4 1\r\nB/v2.mp4\n\n", test: str = ""
) -> None:
    folder = root / lists
    folder.mkdir(parents=True, exist_ok=True)
    (root / videos / "A").mkdir(parents=True)
    (folder / "classInd.txt").write_text("1 A\r\n2 B\r\n")
    (folder / "trainlist01.txt").write_text(train)
    (folder / "testlist01.txt").write_text(test)


@pytest.mark.parametrize(
    ("lists", "videos"),
    [("splits", "videos"), ("ucfTrainTestlist", "UCF-101"), ("ucfTrainTestlist", "."), (".", ".")],
)
def test_every_layout_is_found(tmp_path: Path, lists: str, videos: str) -> None:
    write(tmp_path, lists, videos)
    layout = read_layout(tmp_path)
    assert layout.videos == tmp_path / videos
    assert layout.classes == ("A", "B")


def test_both_forms_of_a_list(tmp_path: Path) -> None:
    write(tmp_path, "splits", "videos", test="B/v3.mp4\nA/v4.mp4 1")
    assert read_layout(tmp_path).listed == (
        Listed("A/v 1.mp4", "train", 0),
        Listed("B/v2.mp4", "train", 1),
        Listed("B/v3.mp4", "test", 1),
        Listed("A/v4.mp4", "test", 0),
    )


def test_a_label_is_unknown_if_its_class_is_or_its_number_is_another_class_s(tmp_path: Path) -> None:
    write(tmp_path, "splits", "videos", train="C/v.mp4 3\nA/v.mp4 2\nC/w.mp4\nA/w.mp4 1\n")
    assert [line.label for line in read_layout(tmp_path).listed] == [None, None, None, 0]


def test_other_folds(tmp_path: Path) -> None:
    write(tmp_path, "splits", "videos")
    with pytest.raises(DataError, match=r"trainlist02\.txt is missing"):
        read_layout(tmp_path, fold=2)


def test_a_folder_without_lists(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not in UCF101's layout: there is none of .*splits/classInd.txt"):
        read_layout(tmp_path)


@pytest.mark.parametrize("text", ["", "0 A\n1 B\n", "1 A\n3 B\n", "A\nB\n", "1 A\n2\n"])
def test_classes_are_numbered_from_one(tmp_path: Path, text: str) -> None:
    write(tmp_path, "splits", "videos")
    (tmp_path / "splits" / "classInd.txt").write_text(text)
    with pytest.raises(DataError, match="must number its classes 1, 2"):
        read_layout(tmp_path)


@pytest.mark.parametrize("path", ["../secret/v.mp4", "/etc/v.mp4", "A/../../v.mp4"])
def test_lists_stay_in_the_folder(tmp_path: Path, path: str) -> None:
    write(tmp_path, "splits", "videos", train=path)
    with pytest.raises(DataError, match="must name files below"):
        read_layout(tmp_path)


def test_a_file_that_is_tested_and_trained_on_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "splits", "videos", train="A/v1.mp4\nA/v2.mp4\n", test="A/v3.mp4\nA/v2.mp4\n")
    with pytest.raises(DataError, match=r"A/v2\.mp4 is listed 2 times for .*; list it once, in one split"):
        read_layout(tmp_path)
