from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from retable.cli.actions import training
from retable.cli.main import main_study
from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.decode.spec import ClipSpec
from retable.data.samples.clips import Clips, to_model, to_uint8
from retable.trial.config import DataNeeds

SPEC = ClipSpec(size=32)


@pytest.fixture(scope="module")
def train(embedded: Path, shared_cache: Path) -> Clips:
    return Clips(embedded, SPEC, "train", 5, shared_cache)


class Ruler:
    """Stands in for shards: channel 0 is the column, channel 1 the frame's number."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.quarantined: dict[str, str] = {}

    def clip(self, sha256: str, start: int, frames: int) -> NDArray[np.uint8]:
        pixels = np.zeros((frames, 3, 2, self.width), np.uint8)
        pixels[:, 0] = np.arange(self.width)
        pixels[:, 1] = np.arange(start, start + frames)[:, None, None]
        return pixels


def ruled(root: Path, cache: Path, spec: ClipSpec, monkeypatch: pytest.MonkeyPatch) -> Clips:
    monkeypatch.setattr("retable.data.samples.split.open_shards", lambda *_, **__: Ruler(spec.stored[0]))
    return Clips(root, spec, "train", 0, cache)


def test_shapes_and_labels(train: Clips) -> None:
    clips, labels = train.batch(0, range(6))
    assert clips.shape == (6, 16, 3, 32, 32)
    assert (clips.dtype, labels.dtype) == (torch.uint8, torch.int64)
    assert len(train) == len(train.classes) == 10
    assert set(train.evaluation_batch(range(10))[1].tolist()) == set(range(10))
    assert list(train.labels) == train.evaluation_batch(range(len(train)))[1].tolist()


def test_a_sample_depends_on_seed_iteration_and_index_alone(
    train: Clips, embedded: Path, shared_cache: Path
) -> None:
    whole, labels = train.batch(3, range(8))
    again = Clips(embedded, replace(SPEC), "train", 5, shared_cache)
    for index in (7, 2, 5):  # in another order, by another worker
        clip, label = again.sample(3, index)
        np.testing.assert_array_equal(clip, whole[index].numpy())
        assert label == labels[index]
    parts = torch.cat([again.batch(3, range(4, 8))[0], again.batch(3, range(4))[0]])
    assert torch.equal(parts[[4, 5, 6, 7, 0, 1, 2, 3]], whole)

    assert not torch.equal(train.batch(4, range(8))[0], whole)
    other = Clips(embedded, SPEC, "train", 6, shared_cache).batch(3, range(8))[0]
    assert not torch.equal(other, whole)
    assert torch.equal(train.with_seed(6).batch(3, range(8))[0], other)
    assert torch.equal(train.batch(3, range(8))[0], whole)


def test_every_video_is_drawn_about_as_often(train: Clips) -> None:
    labels = train.batch(0, range(2000))[1]
    assert np.all(np.abs(np.bincount(labels, minlength=10) - 200) < 5 * np.sqrt(2000 * 0.1 * 0.9))


@pytest.mark.parametrize(
    ("spec", "lefts", "starts"),
    [
        (ClipSpec(size=192), range(4, 61), range(4)),  # 20 frames: the start 4 would fit and is never drawn
        (ClipSpec(size=192, flip=False), range(4, 61), range(4)),
        (ClipSpec(size=192, crop="paper"), range(1), range(5)),
        (ClipSpec(size=64, frames=20), range(1, 21), range(1)),
    ],
)
def test_random_crops_cover_their_range_and_no_more(
    tmp_path: Path,
    make_set: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    spec: ClipSpec,
    lefts: range,
    starts: range,
) -> None:
    root = make_set(["A/1.mp4", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"])
    clips = ruled(root, tmp_path / "cache", spec, monkeypatch)
    samples = [clips.sample(0, index)[0] for index in range(1200)]
    mirrored = sum(int(clip[0, 0, 0, 0]) > clip[0, 0, 0, -1] for clip in samples)
    assert {int(clip[0, 0].min()) for clip in samples} == set(lefts)
    assert {int(np.ptp(clip[0, 0])) for clip in samples} == {spec.size - 1}
    assert {int(clip[0, 1, 0, 0]) for clip in samples} == set(starts)
    assert all((np.diff(clip[:, 1, 0, 0].astype(int)) == 1).all() for clip in samples)
    assert abs(mirrored - 600 * spec.flip) < 100
    assert (
        len({bool(clip[t, 0, 0, 0] > clip[t, 0, 0, -1]) for clip in samples[:1] for t in range(spec.frames)})
        == 1
    )


def test_evaluation_is_the_middle(
    tmp_path: Path, make_set: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_set(["A/1.mp4", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"])
    clips = ruled(root, tmp_path / "cache", ClipSpec(size=192), monkeypatch)
    clip, _ = clips.evaluation(0)
    assert (clip[0, 0, 0, 0], clip[0, 0, 0, -1], clip[0, 1, 0, 0]) == (32, 223, 2)


def test_a_video_of_exactly_as_many_frames(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    root = make_set(["A/1.mp4", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"], frames=16)
    clips = Clips(root, SPEC, "train", 0, tmp_path / "cache")
    assert clips.sample(0, 0)[0].shape == clips.evaluation(1)[0].shape == (16, 3, 32, 32)


def test_the_fingerprint_is_of_data_and_spec(train: Clips, embedded: Path, shared_cache: Path) -> None:
    assert Clips(embedded, SPEC, "test", 9, shared_cache).fingerprint == train.fingerprint
    assert (
        Clips(embedded, replace(SPEC, flip=False), "train", 5, shared_cache).fingerprint != train.fingerprint
    )
    assert train.notice == ""


def test_a_quarantined_video_counts_as_unusable(
    tmp_path: Path, make_set: Callable[..., Path], misbehaving: Callable[..., Readers]
) -> None:
    names = ["A/good.mp4", "A/dies.mp4", "B/good.mp4"]
    root = make_set(names, ["A/2.mp4", "B/2.mp4"])
    with pytest.raises(DataError, match=r"1 of 5 videos .* can't be used \(1 unreadable\)"):
        Clips(root, SPEC, "train", 0, tmp_path / "cache", readers=misbehaving("decode"))


def test_too_much_is_unusable(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    root = make_set(["A/1.mp4", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"], frames=15)
    with pytest.raises(DataError, match=r"4 of 4 videos .*4 too short"):
        Clips(root, SPEC, "train", 0, tmp_path / "cache")


def test_a_run_needs_as_many_frames_as_its_trials_do(
    walking: ModuleType,
    tmp_path: Path,
    make_set: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    root = make_set(["A/1.mp4", "B/1.mp4"], ["A/2.mp4", "B/2.mp4"], frames=8)
    options = ["--data", str(root), "--out", str(tmp_path / "results")]
    monkeypatch.setattr(training, "_execute", lambda *_: ({}, False))
    for frames, code in ((9, 2), (8, 1)):  # 1: begun, and nothing trained
        monkeypatch.setattr(walking.Walk, "needs", DataNeeds(frames=frames))
        assert main_study(walking.STUDY, ["--local", *options]) == code
        assert ("(4 too short)" in capsys.readouterr().out) == (frames == 9)


def test_to_model_and_back() -> None:
    clips = torch.arange(256, dtype=torch.uint8).reshape(2, 2, 4, 4, 4)
    values = to_model(clips)
    assert values.shape == (2, 4, 2, 4, 4)
    assert (values.dtype, values.min().item(), values.max().item()) == (torch.float32, -1.0, 127 / 128)
    assert values[1, 2, 0, 3, 1] == (clips[1, 0, 2, 3, 1].item() - 128) / 128
    assert torch.equal(to_uint8(values), clips)
    assert to_uint8(torch.tensor([-1.5, 1.0, 0.004]).reshape(1, 1, 1, 1, 3)).flatten().tolist() == [
        0,
        255,
        129,
    ]
