from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retable.data.datasets import EMBEDDED_IMAGES, here, locate
from retable.data.decode.pool import Readers
from retable.data.embedded.images import ensure_embedded_images, images_rendered_before
from retable.data.embedded.render import COMPLETE
from retable.data.embedded.solids import SOLIDS
from retable.data.embedded.stills import ASPECTS, CLASSES, draw
from retable.data.scan.catalog import scan

NOBODY = Readers(command=("false",))


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def root(shared_cache: Path) -> Path:
    return ensure_embedded_images(shared_cache, images_per_class=2, size=32)


def test_it_is_an_image_set_with_lists(root: Path, shared_cache: Path) -> None:
    catalog = scan(root, size=32, cache=shared_cache)
    assert (catalog.kind, catalog.classes, len(catalog.videos)) == ("image", CLASSES, 20)
    assert {video.problem or video.note for video in catalog.videos} == {None}
    assert all(min(video.width, video.height) == 32 for video in catalog.videos)
    for video in catalog.videos:
        number = 1 if video.split == "train" else 0
        name = catalog.classes[video.label or 0]
        assert video.path == f"{name}/{name.lower()}_{number:04}.{'jpg' if number else 'png'}"
        with Image.open(root / "images" / video.path) as image:
            assert image.format == ("JPEG" if number else "PNG")


def test_a_fifth_of_each_class_is_tested_in_both_formats() -> None:
    from retable.data.embedded.images import _drawings

    drawings = list(_drawings(60, 256))
    assert len({drawing.path for drawing in drawings}) == 600
    assert [sum(d.split == split for d in drawings) for split in ("train", "test")] == [480, 120]
    assert {(d.split, d.path[-3:]) for d in drawings} == {
        (s, f) for s in ("train", "test") for f in ("png", "jpg")
    }


def test_it_is_rendered_once_and_the_same_each_time(root: Path, shared_cache: Path, tmp_path: Path) -> None:
    assert ensure_embedded_images(shared_cache, 2, 32, readers=NOBODY) == root
    again = ensure_embedded_images(tmp_path, 2, 32, readers=Readers(processes=1))
    assert contents(again) == contents(root)
    (again / "images" / "Mug" / "mug_0000.png").unlink()
    assert images_rendered_before(tmp_path, 2, 32) is None


def test_its_name_and_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path))
    assert here(EMBEDDED_IMAGES) is None
    folder = tmp_path / "embedded_images" / "v1-60x256"
    folder.mkdir(parents=True)
    (folder / COMPLETE).write_text("{}")
    assert here(EMBEDDED_IMAGES) == locate(EMBEDDED_IMAGES) == folder
    monkeypatch.setenv("RETABLE_EMBEDDED_IMAGES", str(tmp_path))
    assert here(EMBEDDED_IMAGES) == locate(EMBEDDED_IMAGES) == tmp_path


@pytest.mark.parametrize("name", CLASSES)
def test_a_picture_is_a_pure_function_of_class_and_number(name: str) -> None:
    picture = draw(name, 3, 48)
    np.testing.assert_array_equal(draw(name, 3, 48), picture)
    assert not np.array_equal(draw(name, 5, 48)[:48, :48], picture[:48, :48])
    height, width = picture.shape[:2]
    assert min(height, width) == 48
    assert any(abs(width / height - wide / high) < 0.02 for wide, high in ASPECTS)
    assert picture.std() > 10


def test_it_is_the_same_picture_at_every_size() -> None:
    small, large = draw("Star", 1, 48), draw("Star", 1, 96)
    reduced = np.asarray(Image.fromarray(large).resize(small.shape[1::-1], Image.Resampling.BOX))
    assert np.abs(reduced.astype(int) - small).mean() < 6


@pytest.mark.parametrize("name", CLASSES)
def test_solids_are_distances_that_a_ray_may_step(name: str) -> None:
    """No two points differ more in distance than they are apart, and the solid lies in the unit ball."""
    random = np.random.default_rng(0)
    points = random.uniform(-1.2, 1.2, (3, 20_000)).astype(np.float32)
    near = points + random.normal(0, 0.02, points.shape).astype(np.float32)
    distance = SOLIDS[name](points)
    apart = np.sqrt(((points - near) ** 2).sum(0))
    assert np.all(np.abs(distance - SOLIDS[name](near)) <= apart * 1.1 + 1e-5)
    outside = np.sqrt((points**2).sum(0)) > 1.05
    assert distance[outside].min() > 0
    assert 0.02 < (distance < 0).mean() < 0.5


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 2 .*but got 1"):
        ensure_embedded_images(tmp_path, 1)
    with pytest.raises(ValueError, match="at least 8 pixels, but got 4"):
        ensure_embedded_images(tmp_path, size=4)


def test_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    ensure_embedded_images(tmp_path, 2, 8, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 20) for n in range(1, 21)]
