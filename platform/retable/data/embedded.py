"""The default data set: rendered and encoded on first use, and read like any other folder in UCF101's layout."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from retable.atomic import sync
from retable.data.cache import cache_folder, locked
from retable.data.errors import DataError
from retable.data.readers import Progress, Readers, Request
from retable.data.scenes import CLASSES, draw
from retable.files import make_folder, new_folder, write_json, write_text

VERSION = 1  # of the drawings; a new one gets a folder of its own
COMPLETE = "complete.json"  # sizes of all files; written last


def ensure_embedded(
    cache: Path | None = None,
    clips_per_class: int = 60,
    progress: Progress | None = None,
    readers: Readers | None = None,
) -> Path:
    """Root folder of the embedded data set, rendered first if this cache does not have it.

    Ten classes of H.264 clips, of 24 to 60 frames, 64 to 96 pixels high. A fifth of the groups that clips come from
    (at least one a class) make up the test list. The same versions of PyAV and its encoder write the same bytes.

    Args:
        cache: cache folder; the user's own by default.
        clips_per_class: 60 for the whole set; a test needs fewer, at least 2.
        progress: told about rendered clips.
        readers: the processes that render.

    Raises:
        DataError: a clip could not be rendered.
    """
    if clips_per_class < 2:
        raise ValueError(
            f"clips_per_class must be at least 2 (one to train, one to test), but got {clips_per_class}"
        )
    root = _root(cache, clips_per_class)
    if _complete(root):
        return root
    with locked(root.with_suffix(".lock")):
        if not _complete(root):
            _render(root, clips_per_class, readers or Readers(), progress)
    return root


def rendered_before(cache: Path | None = None, clips_per_class: int = 60) -> Path | None:
    """Root folder of the embedded data set if this cache has it, else None."""
    root = _root(cache, clips_per_class)
    return root if _complete(root) else None


def write_clip(path: Path, name: str, group: int, clip: int) -> None:
    """Draw a clip and encode it as H.264.

    A fixed quantiser and one thread: rate control computes with floats, and threads see different neighbours.
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
    """Class, group, number in the group, and split, of every clip. No group is in both splits."""
    groups = max(2, clips_per_class // 4)
    testing = max(1, groups // 5)
    for name in CLASSES:
        for number in range(clips_per_class):
            clip, group = divmod(number, groups)
            yield name, group + 1, clip + 1, "test" if group < testing else "train"


def _render(root: Path, clips_per_class: int, readers: Readers, progress: Progress | None) -> None:
    if root.exists():  # some of its files were deleted or cut
        shutil.rmtree(root)
    clips = list(_clips(clips_per_class))
    paths = [f"{name}/v_{name}_g{group:02}_c{clip:02}.mp4" for name, group, clip, _ in clips]
    with new_folder(root) as folder:
        videos, splits = folder / "videos", folder / "splits"
        for name in CLASSES:
            make_folder(videos / name)
        requests: list[Request] = [
            {"task": "render", "path": str(videos / path), "name": name, "group": group, "clip": clip}
            for path, (name, group, clip, _) in zip(paths, clips, strict=True)
        ]
        for done, (number, answer) in enumerate(readers.answers(requests), 1):
            if "error" in answer:
                raise DataError(f"the embedded clip {paths[number]} can't be rendered: {answer['error']}")
            if progress:
                progress(done, len(clips))
        for name in CLASSES:
            sync(videos / name)
        labels = {name: label for label, name in enumerate(CLASSES, 1)}
        write_text(splits / "classInd.txt", "".join(f"{label} {name}\n" for name, label in labels.items()))
        listed = list(zip(paths, clips, strict=True))
        train = [f"{path} {labels[name]}\n" for path, (name, _, _, split) in listed if split == "train"]
        test = [f"{path}\n" for path, (_, _, _, split) in listed if split == "test"]
        write_text(splits / "trainlist01.txt", "".join(train))
        write_text(splits / "testlist01.txt", "".join(test))
        sizes = {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
        write_json(folder / COMPLETE, sizes)


def _complete(root: Path) -> bool:
    """Whether all files are there, at the sizes that they had."""
    if not (root / COMPLETE).is_file():
        return False
    sizes = json.loads((root / COMPLETE).read_bytes())
    return all(
        (root / name).is_file() and (root / name).stat().st_size == size for name, size in sizes.items()
    )
