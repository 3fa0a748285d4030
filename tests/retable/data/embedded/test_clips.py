import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.embedded.clips import ensure_embedded, rendered_before
from retable.data.embedded.render import COMPLETE
from retable.data.embedded.scenes import CLASSES, LONGEST, MOTIONS, SHORTEST, draw
from retable.data.scan.catalog import scan

NOBODY = Readers(command=("false",))
THINGS = {thing: motions for things, motions in MOTIONS.items() for thing in things}


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_it_looks_like_ucf101(embedded: Path, shared_cache: Path) -> None:
    catalog = scan(embedded, cache=shared_cache)
    assert catalog.classes == CLASSES
    assert len(catalog.videos) == 20
    assert {video.problem or video.note for video in catalog.videos} == {None}
    assert all(SHORTEST <= video.frames <= LONGEST for video in catalog.videos)
    assert len({(video.width, video.height) for video in catalog.videos}) > 3
    for video in catalog.videos:
        name = video.path.split("/")[0]
        assert catalog.classes[video.label or 0] == name
        assert video.path == f"{name}/v_{name}_g{2 if video.split == 'train' else 1:02}_c01.mp4"
    assert (embedded / "splits/trainlist01.txt").read_text().splitlines()[0].split()[1] == "1"


def test_no_group_is_in_both_splits_and_a_fifth_of_them_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    from retable.data.embedded.clips import _clips

    clips = list(_clips(60))
    assert len(clips) == len(set(clips)) == 600
    groups = {
        split: {(name, group) for name, group, _, s in clips if s == split} for split in ("train", "test")
    }
    assert not groups["train"] & groups["test"]
    assert [sum(s == split for *_, s in clips) for split in ("train", "test")] == [480, 120]


def test_class_names_and_their_order_stay() -> None:
    """They are part of the data set's fingerprint, and their numbers seed what is drawn."""
    squares = ("BoardPulse", "BoardSpin", "GiftPulse", "GiftSpin")
    assert (
        *("BallBounce", "BallOrbit", "BallSlide"),
        *squares,
        *("TargetBounce", "TargetOrbit", "TargetSlide"),
    ) == CLASSES


def test_neither_the_thing_nor_the_motion_tells_the_class() -> None:
    assert len(CLASSES) == 10
    assert all(len(motions) >= 2 for motions in THINGS.values())
    for motion in {motion for motions in MOTIONS.values() for motion in motions}:
        assert sum(motion in motions for motions in THINGS.values()) >= 2


@pytest.mark.parametrize("name", CLASSES)
def test_a_clip_is_a_pure_function_of_its_name(name: str) -> None:
    scene = draw(name, 1, 1)
    frames = scene.frames.astype(int)
    np.testing.assert_array_equal(draw(name, 1, 1).frames, frames)
    assert not np.array_equal(draw(name, 1, 2).frames[:24], frames[:24])
    height, width = frames.shape[1:3]
    assert (64 <= height <= 96, width % 2, height % 2) == (True, 0, 0)
    assert np.abs(np.diff(frames[:, :8, :8], axis=0)).max() > 1, "the backdrop moves"


def test_files_are_the_same_whoever_renders_them(embedded: Path, tmp_path: Path) -> None:
    code = "import sys; from retable.data.embedded.clips import ensure_embedded as e; from pathlib import Path; e(Path(sys.argv[1]), 2)"
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    root = rendered_before(tmp_path, 2)
    assert root is not None
    assert contents(root) == contents(embedded)
    assert sorted(path.name for path in root.parent.iterdir()) == ["v1-2", "v1-2.lock"]


def test_a_killed_render_never_passes_for_a_whole_one(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom retable.data.embedded.clips import ensure_embedded\n"
        "ensure_embedded(Path(sys.argv[1]), 2, lambda done, total: os.kill(os.getpid(), 9) if done == 5 else None)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    assert rendered_before(tmp_path, 2) is None
    seen: list[tuple[int, int]] = []
    ensure_embedded(tmp_path, 2, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (20, 20)


def test_a_set_that_lost_a_file_is_rendered_again(embedded: Path, tmp_path: Path) -> None:
    root = ensure_embedded(tmp_path, 2)
    assert ensure_embedded(tmp_path, 2, readers=NOBODY) == root
    lost = next((root / "videos").rglob("*.mp4"))
    lost.unlink()
    assert rendered_before(tmp_path, 2) is None
    assert ensure_embedded(tmp_path, 2) == root
    assert contents(root) == contents(embedded)


def test_the_cache_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path))
    folder = tmp_path / "embedded" / "v1-60"
    folder.mkdir(parents=True)
    assert rendered_before() is None
    (folder / COMPLETE).write_text("{}")
    assert rendered_before() == folder


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 2 .*but got 1"):
        ensure_embedded(tmp_path, 1)
    code = "from retable.data import worker as reader\nreader.TASKS = {}\nreader.main()"
    with pytest.raises(DataError, match="can't be rendered: KeyError"):
        ensure_embedded(tmp_path, 2, readers=Readers(command=(sys.executable, "-c", code)))
    assert rendered_before(tmp_path, 2) is None
