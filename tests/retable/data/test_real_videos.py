"""The second, real data set: 36 clips of the Weizmann actions, beside the checkout and not part of it."""

from pathlib import Path

import pytest

from retable.data.decode.spec import ClipSpec
from retable.data.samples.clips import Clips
from retable.data.scan.check import check

WEIZMANN = Path(__file__).resolve().parents[4] / "shared" / "data" / "weizmann64"

pytestmark = pytest.mark.skipif(not WEIZMANN.is_dir(), reason=f"there is no {WEIZMANN}")


def test_real_videos_are_read_like_any_other(tmp_path: Path) -> None:
    report = check(WEIZMANN, cache=tmp_path)
    assert report.catalog.classes == ("Bend", "JumpingJack", "OneHandWave", "TwoHandWave")
    assert report.bad == report.noted == ()
    assert {(video.width, video.height) for video in report.catalog.videos} == {(64, 64)}
    frames = [video.frames for video in report.catalog.videos]
    assert (len(frames), min(frames), max(frames)) == (36, 51, 146)

    for split, count in (("train", 28), ("test", 8)):
        clips = Clips(WEIZMANN, ClipSpec(size=32, crop="paper"), split, 0, tmp_path)
        assert len(clips) == count
        pixels, labels = clips.batch(0, range(4))
        assert pixels.shape == (4, 16, 3, 32, 32)
        assert pixels.float().std() > 10
        assert all(0 <= label < 4 for label in labels)
