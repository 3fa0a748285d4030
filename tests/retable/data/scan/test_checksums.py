"""Damage that no decoder can see, found by a list of checksums."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from retable.cli.main import main
from retable.data.decode.errors import DataError
from retable.data.scan.check import Report, check
from retable.data.scan.checksums import read_checksums

MakeSet = Callable[..., Path]
FILES = ("A/1.mp4", "B/1.mp4", "A/2.mp4", "B/2.mp4")


@pytest.fixture
def root(make_set: MakeSet) -> Path:
    return make_set(FILES[:2], FILES[2:])


def sums(root: Path, algorithm: str = "sha256", form: str = "{digest}  {path}", below: str = "") -> Path:
    file = root.parent / "SUMS"
    lines = [
        form.format(
            digest=hashlib.new(algorithm, (root / "videos" / path).read_bytes()).hexdigest(),
            path=below + path,
        )
        for path in FILES
    ]
    file.write_text("# published\n" + "\n".join(lines) + "\n")
    return file


def checked(root: Path, file: Path) -> Report:
    return check(root, cache=root.parent / "cache", checksums=file)


@pytest.mark.parametrize("below", ["", "videos/", "./"])
@pytest.mark.parametrize("form", ["{digest}  {path}", "{digest} *{path}", "SHA256 ({path}) = {digest}"])
def test_every_form_of_a_list(root: Path, form: str, below: str) -> None:
    report = checked(root, sums(root, form=form, below=below))
    assert report.passed
    assert "4 are as" in report.summary
    assert "0 are not" in report.summary


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_a_file_that_decodes_and_is_another(
    root: Path, algorithm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sums(root, algorithm)
    (root / "videos" / "A/1.mp4").write_bytes((root / "videos" / "B/1.mp4").read_bytes())
    assert check(root, cache=root.parent / "cache").passed, "no decoder sees it"
    report = checked(root, file)
    assert [(v.path, v.problem) for v in report.bad] == [("A/1.mp4", "damaged")]
    assert f"its {algorithm} is " in (report.bad[0].note or "")
    assert "SUMS line 2 says" in (report.bad[0].note or "")
    assert not report.passed
    assert report.refusal is None, "training does not read the list"
    assert "3 can be used, 1 can't" in report.summary
    assert "training does not read that list" in report.summary


def test_the_command(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(root.parent / "cache"))
    file = sums(root)
    assert main(arguments=["data", "check", str(root), "--checksums", str(file)]) == 0
    file.write_text(file.read_text().replace(file.read_text().split()[2], "0" * 64))
    assert main(arguments=["data", "check", str(root), "--checksums", str(file)]) == 1
    assert "damaged" in capsys.readouterr().out
    assert main(arguments=["data", "check", str(root), "--checksums", str(root / "none")]) == 2


def test_names_that_are_there_once_are_enough_and_others_are_counted(root: Path) -> None:
    file = sums(root)
    digest = hashlib.sha256((root / "videos" / "A/1.mp4").read_bytes()).hexdigest()
    (root / "videos" / "A/1.mp4").rename(root / "videos" / "A" / "only.mp4")
    lists = root / "splits" / "trainlist01.txt"
    lists.write_text(lists.read_text().replace("A/1.mp4", "A/only.mp4"))
    file.write_text(f"{digest} only.mp4\n{digest} nowhere.mp4\n")
    summary = checked(root, file).summary
    assert "1 are as" in summary
    assert "3 are not in it; it names 1 that are not in the data set." in summary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# only a comment\n", "is empty"),
        ("abc  A/1.mp4\n", r"SUMS line 1 must be a checksum and a path.*; mend it"),
        ("0" * 64 + "  a\n" + "1" * 64 + "  ./a\n", r"SUMS line 2 contradicts .*SUMS line 1 on a"),
    ],
)
def test_lists_that_can_not_be_used(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "SUMS"
    file.write_text(text)
    with pytest.raises(DataError, match=expected):
        read_checksums(file)
