"""FaceForensics' layouts, its masks, and clips of faces to the bit."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retable.cli.main import main
from retable.data.datasets import locate
from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.decode.spec import ClipSpec, FaceSpec, fingerprint
from retable.data.samples.clips import Clips
from retable.data.scan.catalog import scan
from retable.data.scan.faceforensics import is_faceforensics, read_faceforensics

Frames = NDArray[np.uint8]
SaveVideo = Callable[..., Path]
SPEC = FaceSpec(size=32, frames=8)
ONE = Readers(processes=1)
NOBODY = Readers(command=("false",))
NAMES = {"train": ["aaa_1", "bbb_2"], "val": ["ccc_3"], "test": ["ddd_4"]}
COUNT, WIDTH, HEIGHT = 12, 90, 66  # frames, and pixels


def boxes(seed: int) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of a face that drifts and grows; at the end it leaves the frame on the right."""
    return [(30 + 3 * t + seed, 10 + t, min(50 + 4 * t + seed, WIDTH), 40 + t) for t in range(COUNT)]


def original(seed: int) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), dtype=np.uint8)


def mask(seed: int, count: int = COUNT) -> Frames:
    frames = np.full((count, HEIGHT, WIDTH, 3), 255, np.uint8)
    for frame, (left, top, right, bottom) in zip(frames, boxes(seed), strict=False):
        frame[top:bottom, left:right] = (200, 30, 90)
    return frames


def in_folders(root: Path, save: SaveVideo, masks: Mapping[str, Frames] | None = None) -> Path:
    seed = 0
    for split, names in NAMES.items():
        for name in names:
            save(root / split / "original" / f"{name}.avi", original(seed))
            save(root / split / "altered" / f"{name}.avi", original(99))
            save(root / split / "mask" / f"{name}.avi", (masks or {}).get(name, mask(seed)))
            seed += 1
    return root


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, save_lossless: SaveVideo) -> Path:
    root = in_folders(tmp_path_factory.mktemp("faces"), save_lossless)
    (root / "train" / "original" / ".DS_Store").write_text("no video")
    return root


def as_lists(folders: Path, root: Path, lists: str, paired: bool) -> Path:
    """The same files with the splits in JSON."""
    for kind in ("original", "mask"):
        (root / kind).mkdir(parents=True)
        for path in folders.glob(f"*/{kind}/*.avi"):
            shutil.copy(path, root / kind)
    (root / lists).mkdir(exist_ok=True)
    for split, names in NAMES.items():
        content: Sequence[object] = [names] if paired else [f"{name}.avi" for name in names]
        (root / lists / f"{split}.json").write_text(json.dumps(content))
    return root


def test_the_folders_are_the_splits(folders: Path) -> None:
    assert is_faceforensics(folders)
    layout = read_faceforensics(folders)
    assert layout.classes == ("face",)
    listed = [(line.path, line.split, line.label, line.mask) for line in layout.listed]
    assert listed == [
        ("train/original/aaa_1.avi", "train", 0, "train/mask/aaa_1.avi"),
        ("train/original/bbb_2.avi", "train", 0, "train/mask/bbb_2.avi"),
        ("val/original/ccc_3.avi", "val", 0, "val/mask/ccc_3.avi"),
        ("test/original/ddd_4.avi", "test", 0, "test/mask/ddd_4.avi"),
    ]


@pytest.mark.parametrize(("lists", "paired"), [(".", False), ("splits", True)])
def test_lists_in_json_say_the_same(
    folders: Path, shared_cache: Path, tmp_path: Path, lists: str, paired: bool
) -> None:
    root = as_lists(folders, tmp_path / "set", lists, paired)
    a, b = (scan(folder, cache=shared_cache, readers=ONE, frames=8) for folder in (folders, root))
    first = b.videos[0]
    assert (first.path, first.split, first.mask) == ("original/aaa_1.avi", "train", "mask/aaa_1.avi")
    assert a.refusal() is None
    assert a.fingerprint == b.fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "but it is no JSON"),
        ('{"a": 1}', "but it holds a dict"),
        ('["a", 7]', "but names 7"),
        ('["../a"]', r"but names '\.\./a'"),
        ('["aaa_1", "aaa_1"]', "aaa_1 of .* is listed in train and again in train"),
        ('["ccc_3"]', "ccc_3 of .* is listed in train and again in val"),
        ("[]", "it must have train/original and train/mask, or original, mask"),
    ],
)
def test_bad_lists_are_refused(folders: Path, tmp_path: Path, content: str, message: str) -> None:
    root = as_lists(folders, tmp_path / "set", ".", False)
    (root / "train.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_faceforensics(root)


def test_masks_belong_to_the_videos_content(
    folders: Path, shared_cache: Path, tmp_path: Path, save_lossless: SaveVideo
) -> None:
    other = in_folders(tmp_path / "set", save_lossless, {"aaa_1": mask(7)})
    before, after = (scan(root, cache=shared_cache, readers=ONE, frames=8) for root in (folders, other))
    assert before.fingerprint != after.fingerprint
    changed = [a.sha256 != b.sha256 for a, b in zip(before.videos, after.videos, strict=True)]
    assert changed == [True, False, False, False]


def test_a_mask_that_does_not_fit_is_a_problem(
    shared_cache: Path, tmp_path: Path, save_lossless: SaveVideo
) -> None:
    masks = {"aaa_1": mask(0, COUNT - 1), "bbb_2": mask(1)[:, :-2]}
    root = in_folders(tmp_path / "set", save_lossless, masks)
    (root / "val" / "mask" / "ccc_3.avi").unlink()
    (root / "test" / "mask" / "ddd_4.avi").write_bytes(b"")
    videos = scan(root, cache=shared_cache, readers=ONE, frames=8).videos
    assert {video.problem for video in videos} == {"bad mask"}
    assert [video.note for video in videos] == [
        "(frames, width, height) is (12, 90, 66), but (11, 90, 66) in the mask",
        "(frames, width, height) is (12, 90, 66), but (12, 90, 64) in the mask",
        "the mask is missing: the lists name it and there is no such file",
        "the mask is empty: the file has 0 bytes",
    ]


def test_clips_are_the_faces_squares_resized(folders: Path, shared_cache: Path) -> None:
    clips = Clips(folders, replace(SPEC, frames=COUNT), "train", 0, shared_cache, readers=ONE)
    assert len(clips) == 2
    assert clips.classes == ("face",)
    videos = scan(folders, frames=COUNT, cache=shared_cache, readers=ONE).usable("train").videos
    order = {video.path: number for number, video in enumerate(videos)}
    for seed, name in enumerate(NAMES["train"]):
        clip, label = clips.evaluation(order[f"train/original/{name}.avi"])
        assert (clip.shape, label) == ((COUNT, 3, 32, 32), 0)
        for t, frame in enumerate(clip):
            left, top, right, bottom = boxes(seed)[t]
            side = max(right - left, bottom - top)
            left = min((left + right - side) // 2, WIDTH - side)
            top = (top + bottom - side) // 2
            square = original(seed)[t, top : top + side, left : left + side]
            expected = Image.fromarray(np.ascontiguousarray(square)).resize(
                (32, 32), Image.Resampling.BICUBIC
            )
            np.testing.assert_array_equal(frame.transpose(1, 2, 0), np.asarray(expected))


def test_training_clips_are_neither_mirrored_nor_shifted(folders: Path, shared_cache: Path) -> None:
    clips = Clips(folders, SPEC, "train", 0, shared_cache, readers=ONE)
    starts = [
        np.stack([clips._cut(video, start, 0, flip=False)[0] for start in range(COUNT - 8 + 1)])
        for video in (0, 1)
    ]
    whole = np.concatenate(starts)
    for index in range(20):
        clip, _ = clips.sample(5, index)
        assert (whole == clip).all(axis=(1, 2, 3, 4)).any()


def test_smoothing_is_another_set_of_clips(folders: Path, shared_cache: Path) -> None:
    sharp, smooth = (Clips(folders, replace(SPEC, smooth=n), "train", 0, shared_cache) for n in (0, 3))
    assert sharp.fingerprint != smooth.fingerprint
    assert not np.array_equal(sharp.evaluation(0)[0], smooth.evaluation(0)[0])

    again = Clips(folders, replace(SPEC, smooth=3), "train", 0, shared_cache, readers=NOBODY)
    np.testing.assert_array_equal(again.evaluation(0)[0], smooth.evaluation(0)[0])


def test_a_face_spec_is_no_clip_spec() -> None:
    plain = ClipSpec(size=256, crop="paper", flip=False)
    assert FaceSpec() != plain
    assert (FaceSpec().stored, list(FaceSpec().lefts), FaceSpec().flip) == ((256, 256), [0], False)
    prints = {fingerprint("a", spec) for spec in (plain, FaceSpec(), FaceSpec(smooth=1))}
    assert len(prints) == 3
    with pytest.raises(ValueError, match="crop of a FaceSpec must be 'paper'"):
        FaceSpec(crop="reference")
    with pytest.raises(ValueError, match="smooth must be at least 0 frames, but got -1"):
        FaceSpec(smooth=-1)


def test_faces_need_masks(embedded: Path, shared_cache: Path) -> None:
    with pytest.raises(DataError, match="faces are found with mask videos, and .* has none"):
        Clips(embedded, SPEC, "train", 0, shared_cache, readers=ONE)


def test_a_mask_without_a_face_puts_its_video_into_quarantine(
    shared_cache: Path, tmp_path: Path, save_lossless: SaveVideo
) -> None:
    blank = np.full((COUNT, HEIGHT, WIDTH, 3), 255, np.uint8)
    root = in_folders(tmp_path / "set", save_lossless, {"aaa_1": blank})
    with pytest.raises(DataError, match=r"1 of 4 videos of .* can't be used \(1 unreadable\)"):
        Clips(root, SPEC, "train", 0, shared_cache, readers=ONE)


def test_the_command_prepares_it(folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = [
        "data",
        "prepare",
        "faceforensics",
        "--source",
        str(folders),
        "--out",
        str(out),
        "--size",
        "16",
    ]
    options = ["--frames", "8", "--smooth", "2", "--local", "--workers", "1"]
    assert main(arguments=[*command, *options, "--splits", "train,val"]) == 0
    said = capsys.readouterr().out
    assert "The lists name 2 train, 1 val, 1 test videos (the whole of faceforensics has 704 train" in said
    assert "Decoding train: 2 of 2 files, 18.4 kB" in said  # 2 · 12 frames of 3 · 16 · 16 bytes
    spec = FaceSpec(size=16, frames=8, smooth=2)
    clips = Clips(locate("faceforensics", out), spec, "train", 0, readers=NOBODY)
    assert (len(clips), clips.classes) == (2, ("face",))
    assert scan(out, frames=8).fingerprint == scan(folders, frames=8, cache=tmp_path / "cache").fingerprint
    assert main(arguments=[*command, *options, "--splits", "validation"]) == 2
    assert "lists no validation videos; its splits are train, val, test" in capsys.readouterr().out
    assert main(arguments=[*command[:4], str(tmp_path / "typo"), *command[5:], *options]) == 2
    assert "--source must be the folder of faceforensics, but" in capsys.readouterr().out
    assert main(arguments=[*command, "--crop", "paper"]) == 2
