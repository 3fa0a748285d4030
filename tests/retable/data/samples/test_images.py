import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.decode.spec import ClipSpec, ImageSpec
from retable.data.embedded.images import ensure_embedded_images
from retable.data.samples.clips import Clips
from retable.data.samples.images import Images
from retable.data.samples.pixels import to_model, to_uint8
from retable.data.samples.split import spread
from retable.data.scan.catalog import scan

SPEC = ImageSpec(size=24)
NOBODY = Readers(command=("false",))


@pytest.fixture(scope="session")
def pictures(shared_cache: Path) -> Path:
    """The embedded images, two a class: one to train, one to test."""
    return ensure_embedded_images(shared_cache, images_per_class=2, size=32)


@pytest.fixture(scope="module")
def train(pictures: Path, shared_cache: Path) -> Images:
    return Images(pictures, SPEC, "train", 5, shared_cache)


def test_shapes_and_labels(train: Images) -> None:
    images, labels = train.batch(0, range(6))
    assert images.shape == (6, 3, 24, 24)
    assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
    assert len(train) == len(train.classes) == 10
    assert train.labels == tuple(range(10))
    assert train.evaluation_batch(range(10))[1].tolist() == list(range(10))


def test_a_sample_depends_on_seed_iteration_and_index_alone(
    train: Images, pictures: Path, shared_cache: Path
) -> None:
    whole, labels = train.batch(3, range(8))
    again = Images(pictures, replace(SPEC), "train", 5, shared_cache, readers=NOBODY)
    halves = [again.batch(3, half) for half in (range(4, 8), range(4))]  # two workers, in another order
    assert torch.equal(torch.cat([halves[1][0], halves[0][0]]), whole)
    assert torch.equal(torch.cat([halves[1][1], halves[0][1]]), labels)

    assert not torch.equal(train.batch(4, range(8))[0], whole)
    other = Images(pictures, SPEC, "train", 6, shared_cache).batch(3, range(8))[0]
    assert not torch.equal(other, whole)
    assert torch.equal(train.with_seed(6).batch(3, range(8))[0], other)
    assert torch.equal(train.batch(3, range(8))[0], whole)


def test_images_are_drawn_alike_and_half_of_them_are_mirrored(train: Images) -> None:
    images, labels = train.batch(0, range(1000))
    plain, _ = train.evaluation_batch(range(10))
    assert np.all(np.abs(np.bincount(labels, minlength=10) - 100) < 5 * np.sqrt(1000 * 0.1 * 0.9))
    mirrored = [
        torch.equal(image, plain[label].flip(-1)) for image, label in zip(images, labels, strict=True)
    ]
    straight = [torch.equal(image, plain[label]) for image, label in zip(images, labels, strict=True)]
    assert all(a != b for a, b in zip(mirrored, straight, strict=True))
    assert abs(sum(mirrored) - 500) < 80


def test_without_flip_images_are_those_of_the_evaluation(pictures: Path, shared_cache: Path) -> None:
    images = Images(pictures, replace(SPEC, flip=False), "train", 5, shared_cache, readers=NOBODY)
    plain, _ = images.evaluation_batch(range(10))
    drawn, labels = images.batch(1, range(20))
    assert torch.equal(drawn, plain[labels])


@pytest.mark.parametrize("crop", ["square", "none"])
def test_pixels_are_those_of_pillow(tmp_path: Path, pictures: Path, shared_cache: Path, crop: str) -> None:
    spec = ImageSpec(size=24, crop="square" if crop == "square" else "none")
    test = Images(pictures, spec, "test", 0, shared_cache)
    files = scan(pictures, cache=shared_cache).usable("test").videos
    assert len({(file.width, file.height) for file in files}) > 2, "not all are square"
    for index, file in enumerate(files):
        with Image.open(pictures / "images" / file.path) as image:
            side = min(image.size)
            left, top = ((length - side) // 2 for length in image.size)
            box = (left, top, left + side, top + side) if crop == "square" else (0, 0, *image.size)
            expected = image.crop(box).resize((24, 24), Image.Resampling.LANCZOS)
        pixels, label = test.evaluation(index)
        assert label == file.label
        np.testing.assert_array_equal(pixels.transpose(1, 2, 0), np.asarray(expected))


def test_the_resize_is_antialiased(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    for number in range(4):
        (tmp_path / "set").mkdir(exist_ok=True)
        stripes[0, 0] = number
        Image.fromarray(stripes).save(tmp_path / "set" / f"{number}.png")
    images = Images(tmp_path / "set", ImageSpec(size=16), "train", 0, tmp_path / "cache")
    assert np.abs(images.evaluation(0)[0][:, 4:12, 4:12].astype(int) - 127).max() < 12


def test_the_fingerprint_is_of_content_and_spec(
    tmp_path: Path, pictures: Path, train: Images, shared_cache: Path
) -> None:
    copy = Path(shutil.copytree(pictures, tmp_path / "copy", copy_function=shutil.copyfile))
    assert Images(copy, SPEC, "test", 9, shared_cache).fingerprint == train.fingerprint
    assert len(train.fingerprint) == 16
    for other in (replace(SPEC, flip=False), replace(SPEC, crop="none"), replace(SPEC, size=23)):
        assert Images(pictures, other, "train", 5, shared_cache).fingerprint != train.fingerprint


def test_images_are_views_of_the_mapped_file(train: Images) -> None:
    pixels, _ = train.evaluation(0)
    assert not pixels.flags.owndata
    assert not pixels.flags.writeable


def test_a_set_with_files_too_small_is_refused(pictures: Path, shared_cache: Path) -> None:
    with pytest.raises(DataError, match=r"20 of 20 images of .* can't be used \(20 too small\)"):
        Images(pictures, ImageSpec(size=33), "train", 0, shared_cache)


def test_videos_and_images_are_not_mistaken(pictures: Path, embedded: Path, shared_cache: Path) -> None:
    with pytest.raises(DataError, match="must be a data set of videos, but holds images"):
        Clips(pictures, ClipSpec(size=16), "train", 0, shared_cache)
    with pytest.raises(DataError, match="must be a data set of images, but holds videos"):
        Images(embedded, SPEC, "train", 0, shared_cache)


def test_a_file_over_which_a_reader_dies_is_skipped(
    tmp_path: Path, misbehaving: Callable[..., Readers]
) -> None:
    root = tmp_path / "set"
    for number in range(110):
        name = "train/dies" if number == 7 else f"{'train' if number < 104 else 'val'}/{number}"
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(root / f"{name}.png")
    for task in ("probe image", "decode image"):
        images = Images(root, ImageSpec(size=8), "train", 0, tmp_path / task, readers=misbehaving(task))
        assert len(images) == 103
        assert images.notice == "1 of 104 train images are skipped: 1 unreadable"


def test_to_model_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(2, 2, 8, 8)
    values = to_model(images)
    assert (values.dtype, values.shape, values.min().item(), values.max().item()) == (
        torch.float32,
        images.shape,
        -1.0,
        1.0,
    )
    assert torch.equal(to_uint8(values), images)
    assert to_uint8(torch.tensor([-1.5, 1.5, 0.003])).tolist() == [0, 255, 128]


def test_spec_errors() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, but got 0"):
        ImageSpec(size=0)
    with pytest.raises(ValueError, match="crop must be 'square' or 'none', but got 'centre'"):
        ImageSpec(size=8, crop="centre")  # type: ignore[arg-type]


def test_images_of_some_classes_keep_their_labels_and_are_not_decoded_again(
    train: Images, pictures: Path, shared_cache: Path
) -> None:
    spec = replace(SPEC, classes=("Jack", "Mug"))
    some = Images(pictures, spec, "train", 5, shared_cache, readers=NOBODY)
    labels = [train.classes.index(name) for name in spec.classes]
    assert (list(some.labels), some.classes) == (labels, train.classes)
    assert torch.equal(some.evaluation_batch([0, 1])[0], train.evaluation_batch(labels)[0])
    assert set(some.batch(0, range(20))[1].tolist()) == set(labels)
    assert some.fingerprint != train.fingerprint
    number, mirrored = some.drawn(0, 7)
    pixels = some.evaluation(number)[0]
    assert np.array_equal(some.sample(0, 7)[0], pixels[..., ::-1] if mirrored else pixels)
    with pytest.raises(DataError, match=r"images of the class Cow are asked for, but .* has Ball, "):
        Images(pictures, replace(SPEC, classes=("Cow", "Mug")), "train", 5, shared_cache)
    with pytest.raises(ValueError, match="classes must be sorted and each there once"):
        replace(SPEC, classes=("Mug", "Jack"))


def test_what_is_looked_at_is_spread_over_all() -> None:
    assert spread(4, 10) == [0, 2, 5, 7]
    assert spread(7, 3) == [0, 1, 2]
    assert spread(3, 0) == []
