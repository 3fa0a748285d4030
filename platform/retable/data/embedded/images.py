"""The embedded images, the default image data set: rendered on first use, with UCF101's lists."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from retable.data.decode.pool import Progress, Readers
from retable.data.embedded.render import Drawing, ensure_rendered, is_complete
from retable.data.embedded.stills import CLASSES, draw
from retable.io.cache import cache_folder
from retable.io.files import sync

VERSION = 1  # of the drawings; a new one gets a folder of its own
SIZE, PER_CLASS = 256, 60
TESTED = 5  # one of this many images is tested


def ensure_embedded_images(
    cache: Path | None = None,
    images_per_class: int = PER_CLASS,
    size: int = SIZE,
    progress: Progress | None = None,
    readers: Readers | None = None,
) -> Path:
    """Root folder of the embedded images, rendered first if this cache does not have them.

    Ten classes (solids by their shape), as PNG and JPEG files in turns, square and not. A fifth of each class
    (at least one) makes up the test list. The same version of Pillow writes the same bytes.

    Args:
        cache: cache folder; the user's own by default.
        images_per_class: 60 for the whole set; a test needs fewer, at least 2. A larger number adds images.
        size: the shorter side, in pixels. The pictures are the same at every size.
        progress: called after each rendered image.
        readers: the reader processes, which render.

    Raises:
        DataError: an image could not be rendered.
    """
    if images_per_class < 2:
        raise ValueError(
            f"images_per_class must be at least 2 (one to train, one to test), but got {images_per_class}"
        )
    if size < 8:
        raise ValueError(f"size must be at least 8 pixels, but got {size}")
    root = _root(cache, images_per_class, size)
    drawings = list(_drawings(images_per_class, size))
    return ensure_rendered(root, "images", CLASSES, drawings, readers, progress)


def images_rendered_before(
    cache: Path | None = None, images_per_class: int = PER_CLASS, size: int = SIZE
) -> Path | None:
    """Root folder of the embedded images if this cache has them, else None."""
    root = _root(cache, images_per_class, size)
    return root if is_complete(root) else None


def write_picture(path: Path, name: str, number: int, size: int) -> None:
    """Draw an image and write it in the format of its suffix."""
    picture = Image.fromarray(draw(name, number, size))
    if path.suffix == ".jpg":
        picture.save(path, quality=95, subsampling="4:4:4")
    else:
        picture.save(path)
    sync(path)


def _root(cache: Path | None, images_per_class: int, size: int) -> Path:
    return cache_folder(cache) / "embedded_images" / f"v{VERSION}-{images_per_class}x{size}"


def _drawings(images_per_class: int, size: int) -> Iterator[Drawing]:
    for name in CLASSES:
        for number in range(images_per_class):
            # Every fifth, from the first: both formats are in both splits.
            split = "train" if number % TESTED else "test"
            path = f"{name}/{name.lower()}_{number:04}.{('png', 'jpg')[number % 2]}"
            yield Drawing(path, split, {"task": "render image", "name": name, "number": number, "size": size})
