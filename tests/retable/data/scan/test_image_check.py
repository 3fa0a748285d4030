"""`retable data check` and `retable data prepare images`, on folders of images."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from retable.cli.main import main
from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.decode.spec import ImageSpec
from retable.data.samples.images import Images
from retable.data.scan.check import check, rendered


def write(path: Path, seed: int, size: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size + 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    for seed in range(12):
        write(tmp_path / "set" / "ab"[seed % 2] / f"{seed}.png", seed)
    return tmp_path / "set"


def test_a_refusal_of_small_images_names_the_command_that_lists_them(tmp_path: Path, healthy: Path) -> None:
    with pytest.raises(DataError, match=f"12 too small.* `retable data check {healthy} --size 32` lists"):
        Images(healthy, ImageSpec(size=32), "train", 0, tmp_path / "cache")
    assert len(check(healthy, size=32, cache=tmp_path / "cache").bad) == 12


@pytest.mark.parametrize("name", ["text", "empty", "absent", "text/a.txt"])
def test_a_folder_without_a_data_set_is_told_what_one_is(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("text", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "text" / "a.txt").write_text("a")
    assert main(arguments=["data", "check", str(tmp_path / name)]) == 2
    words = " ".join(capsys.readouterr().out.split())
    told = f"{tmp_path / name} must hold a data set: videos or images with"
    assert (told if (tmp_path / name).is_dir() else "a data set must be a folder, but") in words


def test_too_few_images_to_test_are_told_with_what_to_do(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / "set" / name / "0.png", ord(name))
    with pytest.raises(DataError, match=r"has no 'test' images among its 2; .*: give more, or list them"):
        Images(tmp_path / "set", ImageSpec(size=16), "test", 0, tmp_path / "cache")


def test_every_kind_of_bad_file_is_listed(
    tmp_path: Path, healthy: Path, misbehaving: Callable[..., Readers]
) -> None:
    write(healthy / "a" / "cut.jpg", 20)
    content = (healthy / "a" / "cut.jpg").read_bytes()
    (healthy / "a" / "cut.jpg").write_bytes(content[: len(content) // 2])
    (healthy / "a" / "empty.png").write_bytes(b"")
    (healthy / "a" / "text.png").write_text("This is no image.\n")
    write(healthy / "a" / "small.png", 21, size=15)
    write(healthy / "[bold]lost.png", 22)
    write(healthy / "b" / "dies.png", 23)
    report = check(healthy, size=16, cache=tmp_path / "cache", readers=misbehaving("probe image"))
    assert {video.path: video.problem for video in report.bad} == {
        "a/cut.jpg": "truncated",
        "a/empty.png": "empty",
        "a/text.png": "not an image",
        "a/small.png": "too small",
        "[bold]lost.png": "unknown label",
        "b/dies.png": "unreadable",
    }
    page = io.StringIO()
    Console(width=200, file=page).print(rendered(report))
    text = " ".join(page.getvalue().split())
    for expected in (
        "[bold]lost.png",
        "19 × 15 pixels, and the shorter side must have 16",
        "18 images of 2 classes: 12 can be used, 6 can't. Fingerprint",
        "Training would not start: 6 of 18 images",
    ):
        assert expected in text, expected


def test_the_command(
    healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    assert main(arguments=["data", "check", str(healthy)]) == 0
    assert "12 images of 2 classes: 12 can be used, 0 can't." in capsys.readouterr().out
    assert main(arguments=["data", "check", str(healthy), "--size", "21"]) == 1


def test_prepared_images_stand_for_the_files(
    healthy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "prepared"
    command = [
        "data",
        "prepare",
        "images",
        "--source",
        str(healthy),
        "--out",
        str(out),
        "--size",
        "16",
        "--local",
    ]
    assert main(arguments=command) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "has 12 images in splits made by their content, of 2 classes." in told
    assert f"train with --data {out}" in told
    spec = ImageSpec(size=16)
    nobody = Readers(command=("false",))
    for split in ("train", "test"):
        source = Images(healthy, spec, split, 1, tmp_path / "cache")
        prepared = Images(out, spec, split, 1, tmp_path / "other", readers=nobody)
        assert prepared.fingerprint == source.fingerprint
        assert prepared.batch(0, range(4))[0].equal(source.batch(0, range(4))[0])
    assert main(arguments=command) == 0
    assert (
        main(arguments=[*command[:-3], "--size", "21", "--local"]) == 1
    )  # too small: the folder stays as it was
    assert len(Images(out, spec, "train", 1, readers=nobody)) == 10
