"""A check of both video decoders: a file is written, then read back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from retable.data.decode.video import Frames
from retable.doctor.finding import Finding, failure, ok

FRAMES, SIZE = 8, 64
TOLERANCE = 8.0
"""Mean difference, in levels of 255, that compression may cause."""

Reader = Callable[[Path], Frames]


def decoders(readers: Mapping[str, Reader] | None = None) -> Finding:
    """Check that frames written with PyAV are read back by decord and by PyAV.

    Args:
        readers: function by name that reads a file's frames, uint8 (T, H, W, 3); None for the two decoders.
    """
    check = "video decoders"
    expected = _frames()
    with TemporaryDirectory(prefix="retable-doctor-") as folder:
        path = Path(folder) / "clip.mp4"
        try:
            _write(path, expected)
            found = {name: reader(path) for name, reader in (readers or _both()).items()}
        except Exception as error:  # noqa: BLE001  (a decoder that can't be loaded may raise any error)
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            return failure(check, reason, "pip install -c constraints.txt av decord")
    for name, frames in found.items():
        if frames.shape != expected.shape:
            return failure(
                check,
                f"{name} reads frames {frames.shape} where {expected.shape} were written",
                f"install the {name} of constraints.txt",
            )
        off = float(np.abs(frames.astype(int) - expected).mean())
        if off > TOLERANCE:
            return failure(
                check,
                f"{name} reads other pixels than were written (off by {off:.0f} of 255 on average)",
                f"install the {name} of constraints.txt",
            )
    return ok(check, f"{' and '.join(found)} read an H.264 file")


def _both() -> dict[str, Reader]:
    from retable.data.decode.video import read

    return {"decord": lambda path: read(path, "decord"), "PyAV": lambda path: read(path, "pyav")}


def _frames() -> Frames:
    """Grey frames that grow brighter: uint8 (T, H, W, 3)."""
    levels = np.linspace(40, 200, FRAMES).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (FRAMES, SIZE, SIZE, 3)).copy()


def _write(path: Path, frames: Frames) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
