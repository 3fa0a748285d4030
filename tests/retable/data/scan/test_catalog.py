import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.scan.catalog import Catalog, Video, scan

MakeSet = Callable[..., Path]
TRAIN = ["A/v_A_g02_c01.mp4", "A/v_A_g03_c01.mp4", "B/v_B_g02_c01.mp4"]
TEST = ["A/v_A_g01_c01.mp4", "B/v_B_g01_c01.mp4"]
NOBODY = Readers(command=("false",))  # fails as soon as something has to be read


def video(number: int, problem: str | None = None, split: str = "train", label: int = 0) -> Video:
    return Video(
        path=f"{number}.mp4", split=split, label=label, sha256=f"{number:064x}", frames=20, problem=problem
    )


def catalog(*videos: Video) -> Catalog:
    return Catalog(Path("/data/some"), Path("/data/some/videos"), ("A", "B"), videos)


def test_a_scan_says_what_is_there(tmp_path: Path, make_set: MakeSet) -> None:
    found = scan(make_set(TRAIN, TEST), cache=tmp_path / "cache")
    assert found.classes == ("A", "B")
    assert [(v.path, v.split, v.label) for v in found.videos] == [
        *zip(TRAIN, ["train"] * 3, [0, 0, 1], strict=True),
        *zip(TEST, ["test"] * 2, [0, 1], strict=True),
    ]
    assert {(v.frames, v.width, v.height, v.decoder, v.problem) for v in found.videos} == {
        (20, 32, 32, "decord", None)
    }
    assert [v.label for v in found.usable("train").videos] == [0, 0, 1]
    assert found.usable("test").skipped_text == ""


def test_the_second_scan_reads_changed_files_only(tmp_path: Path, make_set: MakeSet) -> None:
    root, cache = make_set(TRAIN, TEST), tmp_path / "cache"
    first = scan(root, cache=cache)
    assert scan(root, cache=cache, readers=NOBODY) == first
    changed = root / "videos" / TRAIN[0]
    shutil.copy(root / "videos" / TRAIN[1], changed)
    read: list[tuple[int, int]] = []
    second = scan(root, cache=cache, progress=lambda done, total: read.append((done, total)))
    assert read == [(1, 1)]
    assert second.videos[0].sha256 == first.videos[1].sha256
    assert not any(path.name.startswith(".") for path in root.rglob("*")), (
        "nothing is written into the data set"
    )
    (next((cache / "catalogs").glob("*.json"))).write_text("{")
    assert scan(root, cache=cache) == second


def test_the_fingerprint_is_of_the_content_alone(tmp_path: Path, make_set: MakeSet) -> None:
    root, cache = make_set(TRAIN, TEST), tmp_path / "cache"
    original = scan(root, cache=cache).fingerprint
    assert len(original) == 16

    # Elsewhere, in the other layout, with other times, in another order, under other names.
    other = tmp_path / "elsewhere"
    shutil.copytree(root / "videos", other, copy_function=shutil.copyfile)
    for name in ("classInd", "testlist01"):
        shutil.copy(root / "splits" / f"{name}.txt", other)
    os.rename(other / TRAIN[2], other / "B" / "renamed.mp4")
    (other / "trainlist01.txt").write_text(f"B/renamed.mp4\n{TRAIN[1]}\n{TRAIN[0]}\n")
    moved = scan(other, cache=cache)
    assert moved.fingerprint == original
    order = [v.sha256 for v in scan(root, cache=cache).usable("train").videos]
    assert [v.sha256 for v in moved.usable("train").videos] == order


def test_the_fingerprint_sees_every_change_of_content(tmp_path: Path, make_set: MakeSet) -> None:
    root, seen = make_set(TRAIN, TEST), set[str]()

    def look() -> None:
        seen.add(scan(root, cache=tmp_path / "cache", readers=Readers(processes=1)).fingerprint)

    look()
    (root / "splits" / "classInd.txt").write_text("1 B\n2 A\n")
    look()
    (root / "splits" / "trainlist01.txt").write_text("\n".join(TRAIN[1:]))
    (root / "splits" / "testlist01.txt").write_text("\n".join([*TEST, TRAIN[0]]))
    look()
    with (root / "videos" / TRAIN[0]).open("ab") as file:
        file.write(b"\0")
    look()
    (root / "videos" / TRAIN[0]).unlink()
    look()
    assert len(seen) == 5


def test_one_bad_video_in_a_hundred_is_skipped_and_told() -> None:
    videos = [video(n) for n in range(99)]
    usable = catalog(*videos, video(99, "truncated")).usable("train")
    assert len(usable.videos) == 99
    assert usable.skipped_text == "1 of 100 train videos are skipped: 1 truncated"


def test_more_than_one_in_a_hundred_is_refused() -> None:
    videos = [video(n) for n in range(98)]
    with pytest.raises(
        DataError,
        match=r"2 of 100 videos of /data/some can't be used \(1 empty, 1 missing\), and more than 1% may not be "
        r"skipped; mend the files that `retable data check /data/some` lists",
    ):
        catalog(*videos, video(98, "missing"), video(99, "empty", split="test")).usable("train")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_class_that_is_lost_is_refused(split: str) -> None:
    videos = [
        video(n, label=n % 2, split=s)
        for s in ("train", "test")
        for n in range(200)
        if s != split or n % 2 == 0
    ]
    with pytest.raises(DataError, match=f"no {split} video of the class B of /data/some can be used"):
        catalog(*videos, video(999, "damaged", label=1, split=split)).usable("train")


def test_nothing_listed() -> None:
    with pytest.raises(DataError, match="lists no videos"):
        catalog().usable("train")
    with pytest.raises(DataError, match="no 'validation' videos"):
        catalog(video(1)).usable("validation")


def test_quarantined_videos_count() -> None:
    whole = catalog(*(video(n) for n in range(100)))
    usable = whole.without({video(7).sha256: "it hangs"}).usable("train")
    assert [v.note for v in usable.skipped] == ["it hangs"]
    assert "1 unreadable" in usable.skipped_text
    with pytest.raises(DataError, match="2 of 100"):
        whole.without({video(7).sha256: "", video(8).sha256: ""}).usable("train")
