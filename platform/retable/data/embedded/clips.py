"""The embedded videos, the default data set: rendered and encoded on first use, in UCF101's layout."""

from collections.abc import Iterator
from pathlib import Path

from retable.data.decode.pool import Progress, Readers
from retable.data.embedded.render import Drawing, ensure_rendered, is_complete
from retable.data.embedded.scenes import CLASSES, draw
from retable.io.cache import cache_folder
from retable.io.files import sync

VERSION = 1  # of the drawings; a new one gets a folder of its own


def ensure_embedded(
    cache: Path | None = None,
    clips_per_class: int = 60,
    progress: Progress | None = None,
    readers: Readers | None = None,
) -> Path:
    """Root folder of the embedded data set, rendered first if this cache does not have it.

    Ten classes of H.264 clips, of 24 to 60 frames, 64 to 96 pixels high. A fifth of the groups that clips
    come from (at least one a class) make up the test list. The same versions of PyAV and its encoder write
    the same bytes.

    Args:
        cache: cache folder; the user's own by default.
        clips_per_class: 60 for the whole set; a test needs fewer, at least 2.
        progress: called after each rendered clip.
        readers: the reader processes, which render.

    Raises:
        DataError: a clip could not be rendered.
    """
    if clips_per_class < 2:
        raise ValueError(
            f"clips_per_class must be at least 2 (one to train, one to test), but got {clips_per_class}"
        )
    root = _root(cache, clips_per_class)
    drawings = [
        Drawing(
            f"{name}/v_{name}_g{group:02}_c{clip:02}.mp4",
            split,
            {"task": "render", "name": name, "group": group, "clip": clip},
        )
        for name, group, clip, split in _clips(clips_per_class)
    ]
    return ensure_rendered(root, "videos", CLASSES, drawings, readers, progress)


def rendered_before(cache: Path | None = None, clips_per_class: int = 60) -> Path | None:
    """Root folder of the embedded data set if this cache has it, else None."""
    root = _root(cache, clips_per_class)
    return root if is_complete(root) else None


def write_clip(path: Path, name: str, group: int, clip: int) -> None:
    """Draw a clip and encode it as H.264.

    A fixed quantiser and one thread give the same bytes everywhere: rate control computes with floats, and
    threads see different neighbours.
    """
    import av  # only reader processes encode

    scene = draw(name, group, clip)
    height, width = scene.frames.shape[1:3]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=scene.rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "qp": "20", "threads": "1", "g": "12"}
        for pixels in scene.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    sync(path)


def _root(cache: Path | None, clips_per_class: int) -> Path:
    return cache_folder(cache) / "embedded" / f"v{VERSION}-{clips_per_class}"


def _clips(clips_per_class: int) -> Iterator[tuple[str, int, int, str]]:
    """Class, group, number in the group and split of every clip. No group is in both splits."""
    groups = max(2, clips_per_class // 4)
    testing = max(1, groups // 5)
    for name in CLASSES:
        for number in range(clips_per_class):
            clip, group = divmod(number, groups)
            yield name, group + 1, clip + 1, "test" if group < testing else "train"
