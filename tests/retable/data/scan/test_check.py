import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from retable.data.decode.pool import Readers
from retable.data.scan.check import check, rendered

MakeSet = Callable[..., Path]
MakeVideo = Callable[..., Path]


def test_every_kind_of_bad_file_is_listed(
    tmp_path: Path, make_set: MakeSet, make_video: MakeVideo, misbehaving: Callable[..., Readers]
) -> None:
    bad = ["truncated", "empty", "text", "short", "gone", "dies", "hangs"]
    root = make_set(
        ["A/good.mp4", "B/good.mp4", *(f"A/{name}.mp4" for name in bad)], ["A/test.mp4", "B/test.mp4"]
    )
    videos = root / "videos"
    content = (videos / "A/truncated.mp4").read_bytes()
    (videos / "A/truncated.mp4").write_bytes(content[: len(content) // 2])
    (videos / "A/empty.mp4").write_bytes(b"")
    (videos / "A/text.mp4").write_text("This is no video.\n" * 20)
    make_video(videos / "A/short.mp4", frames=15)
    (videos / "A/gone.mp4").unlink()
    make_video(videos / "C" / "[bold]v.mp4")
    make_video(videos / "A" / "narrow.mp4", width=72, height=72)
    with (root / "splits" / "testlist01.txt").open("a") as file:
        file.write("C/[bold]v.mp4\nA/narrow.mp4\n")

    report = check(root, cache=tmp_path / "cache", readers=misbehaving("probe"))
    assert {video.path: video.problem for video in report.bad} == {
        "A/truncated.mp4": "truncated",
        "A/empty.mp4": "empty",
        "A/text.mp4": "not a video",
        "A/short.mp4": "too short",
        "A/gone.mp4": "missing",
        "A/dies.mp4": "unreadable",
        "A/hangs.mp4": "unreadable",
        "C/[bold]v.mp4": "unknown label",
    }
    assert [video.path for video in report.noted] == ["A/narrow.mp4"]
    assert report.refusal is not None

    page = io.StringIO()
    Console(width=200, file=page).print(rendered(report))
    text = " ".join(page.getvalue().split())
    for expected in (
        "C/[bold]v.mp4",
        "15 frames, and 16 are needed",
        "the reader exited with 3",
        "13 videos of 2 classes: 5 can be used, 8 can't. 1 are read with PyAV.",
        f"Fingerprint {report.catalog.fingerprint}",
        "Training would not start: 8 of 13",
    ):
        assert expected in text, expected

    # A reader's death may have been an accident: those two files, and no others, are looked at again.
    again: list[tuple[int, int]] = []
    mended = check(root, cache=tmp_path / "cache", progress=lambda done, total: again.append((done, total)))
    assert again == [(1, 2), (2, 2)]
    assert len(mended.bad) == 6


def test_a_healthy_set(tmp_path: Path, make_set: MakeSet) -> None:
    report = check(make_set(["A/1.mp4", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"]), cache=tmp_path / "cache")
    assert report.bad == report.noted == ()
    assert report.refusal is None
    assert report.summary.startswith("4 videos of 2 classes: 4 can be used, 0 can't.")
    assert check(report.catalog.root, frames=21, cache=tmp_path / "cache").refusal is not None


def test_files_without_lists_are_taken_out_of_the_folder_not_off_a_list(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"")
    report = check(tmp_path, cache=tmp_path / "cache")
    assert report.summary.startswith("1 image of 1 class: 0 can be used, 1 can't.")
    assert report.summary.endswith("or take them out of the data set.")
