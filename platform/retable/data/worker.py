"""Program of a reader process: reads one JSON request a line and writes one JSON answer a line.

Untrusted files go through decoders written in C. They do so in this process, where a crash, a hang or a
runaway allocation costs one process and one file. `retable.data.decode.pool` starts it and sends the
requests.
"""

import hashlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from retable.data.decode import image
from retable.data.decode.frames import write_image_frames, write_video_frames
from retable.data.decode.lmdb import list_keys, read_bytes
from retable.data.decode.regular import open_regular
from retable.data.decode.video import Decoder, VideoProblem, declared_frames, probe
from retable.data.embedded.clips import write_clip
from retable.data.embedded.images import write_picture

MEMORY = 8 << 30  # bytes of address space; a header can claim a billion pixels


def hash_file(*, path: str, algorithm: str = "sha256") -> Mapping[str, object]:
    """Digest of a file, in hex digits."""
    with open_regular(Path(path)) as file:
        return {"digest": hashlib.file_digest(file, algorithm).hexdigest()}


def probe_file(*, path: str) -> Mapping[str, object]:
    """Hash a video file and probe it."""
    answer: dict[str, object] = {"sha256": hash_file(path=path)["digest"]}
    try:
        return answer | asdict(probe(Path(path)))
    except VideoProblem as problem:
        return answer | {"problem": problem.kind, "note": str(problem), "revision": problem.revision}


def probe_image(*, path: str) -> Mapping[str, object]:
    """Hash an image's bytes and probe them."""
    data = read_bytes(Path(path))
    answer: dict[str, object] = {"sha256": hashlib.sha256(data).hexdigest()}
    try:
        return answer | asdict(image.probe(data))
    except image.ImageProblem as problem:
        found = {"problem": problem.kind, "note": str(problem), "revision": problem.revision}
        return answer | {"decoder": "pillow"} | found


def count_declared(*, path: str) -> Mapping[str, object]:
    """Number of frames that a file's header declares."""
    open_regular(Path(path)).close()
    return {"frames": declared_frames(Path(path))}


def decode_file(
    *,
    path: str,
    out: str,
    decoder: Decoder,
    width: int,
    height: int,
    square: bool,
    mask: str | None = None,
    smooth: int = 0,
) -> Mapping[str, object]:
    """Decode, crop and resize a video into an Arrow file, which a shard takes over."""
    open_regular(Path(path)).close()
    frames = write_video_frames(
        Path(path),
        Path(out),
        decoder=decoder,
        width=width,
        height=height,
        square=square,
        mask=Path(mask) if mask else None,
        smooth=smooth,
    )
    return {"frames": frames}


def decode_image(*, path: str, out: str, size: int, square: bool) -> Mapping[str, object]:
    """Decode, crop and resize an image into an Arrow file, which a shard takes over."""
    return {"frames": write_image_frames(Path(path), Path(out), size=size, square=square)}


def keys_of(*, path: str, after: str, most: int) -> Mapping[str, object]:
    """One page of the keys of an LMDB environment."""
    return {"keys": list_keys(Path(path), after, most)}


def render_image(*, path: str, name: str, number: int, size: int) -> Mapping[str, object]:
    """Render one picture of the embedded images."""
    write_picture(Path(path), name, number, size)
    return {}


def render_clip(*, path: str, name: str, group: int, clip: int) -> Mapping[str, object]:
    """Render one clip of the embedded set."""
    write_clip(Path(path), name, group, clip)
    return {}


TASKS: Mapping[str, Callable[..., Mapping[str, object]]] = {
    "hash": hash_file,
    "probe": probe_file,
    "probe image": probe_image,
    "count": count_declared,
    "decode": decode_file,
    "decode image": decode_image,
    "list keys": keys_of,
    "render": render_clip,
    "render image": render_image,
}


def main() -> None:
    """Answer requests until there are no more."""
    # Decoders may write to standard output at any time: keep the real one for answers.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]  # kept, for LMDB files that are larger
            soft = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        answers.write("ready\n")
        answers.flush()
        for line in sys.stdin:
            request = json.loads(line)
            # If this hangs after the parent has died, nothing else would end it.
            signal.alarm(int(request.pop("seconds")) + 10)
            try:
                answer = TASKS[request.pop("task")](**request)
            except Exception as error:  # noqa: BLE001 - reported to the parent, which decides
                answer = {"error": f"{type(error).__name__}: {error}", "errno": getattr(error, "errno", None)}
            signal.alarm(0)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
