import os
import random
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from retable.data.decode.errors import DataError
from retable.data.scan.catalog import scan
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


BAD_PATHS = {
    "a line that is the folder itself": ("A/v 1.mp4 1\n.\n", "not a file"),
    "NUL": ("A/v\0.mp4\n", "bad path"),
    "a name of 300 letters": ("A/" + "x" * 300 + ".mp4\n", "bad path"),
    "below a file": ("A/v 1.mp4/b.mp4\n", "bad path"),
    "a link to itself": ("A/loop.mp4\n", "bad path"),
    "a superscript": ("A/a.mp4 ²\n", "missing"),
    "5,000 digits": ("A/v.mp4 " + "7" * 5000 + "\n", "missing"),
    "a folder": ("A\n", "not a file"),
    "a pipe": ("A/pipe.mp4\n", "not a file"),
    "a device": ("A/zero.mp4\n", "not a file"),
}


@pytest.mark.parametrize("kind", BAD_PATHS)
def test_one_bad_path_is_one_bad_file(tmp_path: Path, kind: str) -> None:
    text, problem = BAD_PATHS[kind]
    root = tmp_path / "set"
    write(root, "splits", "videos", train="A/v 1.mp4 1\n", test=text if "v 1.mp4 1" not in text else ".\n")
    (root / "videos" / "A" / "v 1.mp4").write_bytes(b"")
    (root / "videos" / "A" / "loop.mp4").symlink_to("loop.mp4")
    (root / "videos" / "A" / "zero.mp4").symlink_to("/dev/zero")
    os.mkfifo(root / "videos" / "A" / "pipe.mp4")
    catalog = scan(root, cache=tmp_path / "cache")
    assert [video.problem for video in catalog.videos if video.split == "train"] == ["empty"]
    (bad,) = (video for video in catalog.videos if video.split == "test")
    if bad.problem == "unknown label":  # the class's number is another's, or none
        assert problem == "missing"
    else:
        assert bad.problem == problem
    assert (bad.note or "").startswith("testlist01.txt line 1: ")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            "A/é.mp4\n".encode("latin-1"),
            r"trainlist01\.txt line 1 must be UTF-8.*ISO-8859-1; convert it, such as with iconv",
        ),
        (
            "A/a.mp4\nA/b.mp4\n".encode("utf-16"),
            r"trainlist01\.txt line 1 must be UTF-8.*UTF-16LE; convert it",
        ),
        (
            "A/a.mp4\nA/b.mp4\n".encode("utf-16-be"),
            r"trainlist01\.txt line 1 must be UTF-8.*UTF-16BE; convert it",
        ),
        (
            b"A/a.mp4\n../b.mp4\n",
            r"trainlist01\.txt line 2 must name files below the videos folder: .*; write",
        ),
        (b"A/a.mp4\nB\\..\\..\\b.mp4\n..\\b.mp4", r"line 2 must name files below"),
    ],
)
def test_a_list_that_can_not_be_read_says_where_and_what_to_do(
    tmp_path: Path, data: bytes, expected: str
) -> None:
    write(tmp_path, "splits", "videos")
    (tmp_path / "splits" / "trainlist01.txt").write_bytes(data)
    with pytest.raises(DataError, match=expected):
        read_layout(tmp_path)


@pytest.mark.parametrize("text", ["1 A\n1 B\n2 C\n", "1 A\n2 A\n", "1 A\n2 a/b\n", "1 A\n2 ..\n"])
def test_classes_that_can_not_be_told_apart(tmp_path: Path, text: str) -> None:
    write(tmp_path, "splits", "videos")
    (tmp_path / "splits" / "classInd.txt").write_text(text)
    with pytest.raises(DataError, match=r"classInd\.txt line 2 .*; (number|name|mend)"):
        read_layout(tmp_path)


@pytest.mark.parametrize(
    "line",
    ["A/v 1.mp4 1", "\ufeffA/v 1.mp4", "A\\v 1.mp4 1", "./A//v 1.mp4\t1", "A/v 1.mp4   01 ", "  A/v 1.mp4"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spellings_of_one_line(tmp_path: Path, line: str, end: str) -> None:
    write(tmp_path, "splits", "videos")
    (tmp_path / "splits" / "classInd.txt").write_bytes(f"\ufeff1\tA{end}2  B{end}".encode())
    (tmp_path / "splits" / "trainlist01.txt").write_bytes(f"{line}{end}{end}B/v2.mp4{end}".encode())
    layout = read_layout(tmp_path)
    assert layout.classes == ("A", "B")
    assert layout.listed == (Listed("A/v 1.mp4", "train", 0), Listed("B/v2.mp4", "train", 1))
    assert layout.listed[1].where == "trainlist01.txt line 3"


def test_a_backslash_in_a_name_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "splits", "videos", train="A/v\\1.mp4\n")
    assert read_layout(tmp_path).listed == (Listed("A/v\\1.mp4", "train", 0),)


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_accents_of_macs_and_of_others(
    tmp_path: Path, forms: tuple[Literal["NFC", "NFD"], Literal["NFC", "NFD"]]
) -> None:
    listed, there = (unicodedata.normalize(form, "Café/é ß 日.mp4") for form in forms)
    write(tmp_path, "splits", "videos", train=f"{listed} 1\n")
    (tmp_path / "splits" / "classInd.txt").write_text(f"1 {listed.partition('/')[0]}\n2 B\n")
    file = tmp_path / "videos" / there
    file.parent.mkdir()
    file.write_bytes(b"")
    (line,) = read_layout(tmp_path).listed
    assert (line.path, line.label) == (there, 0)


@pytest.mark.parametrize("again", ["./A/v1.mp4", "A//v1.mp4", "A/./v1.mp4", "A\\v1.mp4"])
def test_a_file_spelt_in_two_ways_is_one_file(tmp_path: Path, again: str) -> None:
    write(tmp_path, "splits", "videos", train="A/v1.mp4 1\n", test=f"B/v2.mp4\n{again}\n")
    with pytest.raises(
        DataError, match=r"listed 2 times .*\(trainlist01\.txt line 1 and testlist01\.txt line 2\)"
    ):
        read_layout(tmp_path)


def test_a_list_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    write(tmp_path, "splits", "videos")
    (tmp_path / "splits" / "trainlist01.txt").unlink()
    os.mkfifo(tmp_path / "splits" / "trainlist01.txt")
    with pytest.raises(
        DataError, match=r"trainlist01\.txt can't be read \(.* is a pipe and no regular file\); mend it"
    ):
        read_layout(tmp_path)


def test_random_lists_end_in_a_layout_or_a_refusal(tmp_path: Path) -> None:
    """Fuzzed: no other exception, and nothing outside of the folder."""
    draw = random.Random(13)
    pieces = [
        b"A/v.mp4",
        b"B/w.mp4 2",
        b".",
        b"..",
        b"/",
        b"\\",
        b"\0",
        b" ",
        b"\t",
        "²é\u0301\u2028".encode(),
        b"\xff",
    ]
    pieces += [b"1" * 30, b"\n", b"\n", b"\r", b"\xef\xbb\xbf", b"x" * 300, b"1 A\n2 B\n"]
    write(tmp_path, "splits", "videos")
    for _ in range(350):
        name = draw.choice(["classInd.txt", "trainlist01.txt", "testlist01.txt"])
        (tmp_path / "splits" / "classInd.txt").write_bytes(b"1 A\n2 B\n")
        (tmp_path / "splits" / name).write_bytes(b"".join(draw.choices(pieces, k=draw.randrange(12))))
        listed: tuple[Listed, ...] = ()
        with suppress(DataError):
            listed = read_layout(tmp_path).listed
        for line in listed:
            assert not line.path.startswith("/")
            assert ".." not in line.path.split("/")
