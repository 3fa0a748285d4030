"""Converts the C3D behind the papers' scores from its published files to one that Retable reads.

``python -m trainables.classifiers.c3d.convert --weights conv3d_deepnetA_ucf.npz --mean mean2.npz --out c3d.safetensors``

The layers are those of Caffe's C3D v1 (pre-trained on Sports-1M, fine-tuned on UCF101) as Chainer's `save_npz` names
them: ``conv1a/W`` (out, in, T, H, W) and ``conv1a/b`` to ``fc8/W`` (out, in) and ``fc8/b``. torch keeps both kinds of
weights in the same order, and a clip after the last pool is flattened in the same order (C, T, H, W).
"""

import argparse
import math
import zipfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text
from safetensors.numpy import save

from retable.evaluation.pretrained import weights_hash
from retable.io.console import open_console
from retable.io.files import write_bytes
from trainables.classifiers.c3d.config import C3DConfig
from trainables.classifiers.c3d.pretrained import FORMAT, PIPELINES, Preprocessing

Array = NDArray[np.float32]

CONVOLUTIONS = ("conv1a", "conv2a", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b")
LAST = 4 * 4
"""Places of a clip of 16 frames of 112 × 112 after the last pool, which rounds 7 up to 4."""

MEAN = (3, 16, 128, 171)
HEADER = 1 << 16  # bytes of an .npy file beside its values, at the very most

PAPER = C3DConfig()
UCF101_CLASSES = 101


def layer_shapes(widths: Sequence[int], fc: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Required content of the npz: key -> shape."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (into, out) in zip(CONVOLUTIONS, pairwise([3, *widths]), strict=True):
        shapes |= {f"{name}/W": (out, into, 3, 3, 3), f"{name}/b": (out,)}
    for name, (into, out) in zip(
        ("fc6", "fc7", "fc8"), pairwise([widths[-1] * LAST, fc, fc, classes]), strict=True
    ):
        shapes |= {f"{name}/W": (out, into), f"{name}/b": (out,)}
    return shapes


def convert(
    weights: Path,
    mean: Path,
    out: Path,
    *,
    preprocessing: Preprocessing = "code",
    widths: Sequence[int] = PAPER.widths,
    fc: int = PAPER.fc,
    classes: int = UCF101_CLASSES,
) -> str:
    """Check both files and write their content as safetensors.

    Args:
        preprocessing: which of the two pipelines a study that uses the file takes (`PretrainedC3D`).
        widths, fc, classes: sizes of the layers; the defaults are the released network's.

    Returns:
        The hash of the weights, which identifies the classifier.

    Raises:
        FileNotFoundError: an input is not there.
        ValueError: an input is not what it should be; the message says what it lacks.
        OSError: `out` can't be written.
    """
    arrays = _arrays(weights, layer_shapes(widths, fc, classes))
    tensors = {_torch_name(key): array for key, array in arrays.items()} | {"mean": _mean(mean)}
    # One entry: safetensors writes several in any order, and the same inputs give the same bytes.
    write_bytes(out, save(tensors, metadata={"format": FORMAT + preprocessing}))
    return weights_hash(tensors)


def _torch_name(key: str) -> str:
    layer, _, kind = key.partition("/")
    place = f"convolutions.{CONVOLUTIONS.index(layer)}" if layer in CONVOLUTIONS else layer
    return f"c3d.{place}.{'weight' if kind == 'W' else 'bias'}"


def _arrays(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """The arrays of an npz with exactly these shapes, float32. Nothing in it is executed or larger than expected."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file; docs/classifier.md says where to get it")
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        if missing := [key for key in shapes if key not in sizes]:
            raise ValueError(
                f"{path} must hold {', '.join(missing)}, but holds {', '.join(sizes) or 'nothing'}"
            )
        for key, shape in shapes.items():
            if sizes[key] > 8 * math.prod(shape) + HEADER:
                raise ValueError(
                    f"{key} of {path} must have the shape {shape}, but takes {sizes[key]:,} bytes"
                )
        with np.load(path, allow_pickle=False) as opened:
            return {key: _checked(opened[key], key, shape, path) for key, shape in shapes.items()}
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path} is not a whole npz file ({error}); get it again") from error


def _checked(array: NDArray[Any], key: str, shape: tuple[int, ...], path: Path) -> Array:
    if array.dtype.kind != "f":
        raise ValueError(f"{key} of {path} must hold floats, but holds {array.dtype}")
    if array.shape != shape and (key != "mean" or array.size != math.prod(shape)):
        raise ValueError(f"{key} of {path} must have the shape {shape}, but has {array.shape}")
    array = np.ascontiguousarray(array.reshape(shape), dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{key} of {path} has values that are not finite; get the file again")
    return array


def _mean(path: Path) -> Array:
    """The mean clip in blue, green, red (3, 16, 128, 171); copies differ in axes of size 1 or are flat."""
    mean = _arrays(path, {"mean": MEAN})["mean"]
    if not (mean.min() >= 0 and mean.max() <= 255):
        raise ValueError(
            f"mean of {path} must lie in 0..255, but lies in {float(mean.min()):g}..{float(mean.max()):g}"
        )
    return mean


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m trainables.classifiers.c3d.convert", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--weights", type=Path, required=True, help="conv3d_deepnetA_ucf.npz")
    parser.add_argument("--mean", type=Path, required=True, help="mean2.npz")
    parser.add_argument("--out", type=Path, required=True, help="file to write, later given as --classifier")
    parser.add_argument(
        "--preprocessing",
        choices=tuple(PIPELINES),
        default="code",
        help="code: frames go straight to 112 × 112, as in TGANv2's evaluation; paper: to 128 × 128, of which "
        "the centre is taken, as in TGANv1's (default: code)",
    )
    return _convert(parser.parse_args(arguments), open_console())


def _convert(given: argparse.Namespace, console: Console) -> int:
    try:
        found = convert(given.weights, given.mean, given.out, preprocessing=given.preprocessing)
    except (ValueError, OSError) as error:
        console.print(Text(f"{error}", style="red"))
        return 2
    resize, _ = PIPELINES[given.preprocessing]
    console.print(Text(f"{given.out} holds the classifier c3d-{found[:6]} ({resize.name}).", style="bold"))
    console.print(Text(f"A study takes it in the place of the one it would train: --classifier {given.out}"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
