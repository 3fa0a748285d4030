"""Converts Inception-v3's weights from the file that torch-fidelity published to one that Retable reads.

``python -m trainables.classifiers.inception.convert --out inception.safetensors``

It is the network that FID is defined by, converted from TensorFlow's of 5 December 2015. Nothing in the file is executed.
Without --weights it is downloaded from its release on GitHub; nothing else in Retable downloads it.
"""

import argparse
import pickle  # noqa: TID251 (for the name of an error alone)
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.text import Text
from safetensors.torch import save
from torch import Tensor

from retable.evaluation.pretrained import weights_hash
from retable.io.console import open_console, progress_bar
from retable.io.files import write_bytes
from trainables.classifiers.inception.config import FORMAT
from trainables.classifiers.inception.download import fetched
from trainables.classifiers.inception.network import PREFIX

URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
"""torch-fidelity's `URL_INCEPTION_V3`, written again: who converts does not need the extra."""

SHAPES = {"Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3), "fc.weight": (1008, 2048), "fc.bias": (1008,)}
"""By which the network is recognised, first layer and last; all others are checked when it is built."""


def convert(weights: Path, out: Path) -> str:
    """Check the file and write its content as safetensors.

    Returns:
        The hash of the weights, which identifies the classifier.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it does not hold these weights.
        OSError: `out` can't be written.
    """
    if not weights.is_file():
        raise FileNotFoundError(f"{weights} is no file; docs/inception.md says where to get it")
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{weights} is not a file of weights ({error}); get it again") from error
    tensors = {PREFIX + name: tensor for name, tensor in _checked(state, weights).items()}
    write_bytes(out, save(tensors, metadata={"format": FORMAT}))
    return weights_hash({name: tensor.numpy() for name, tensor in tensors.items()})


def _checked(state: Any, path: Path) -> Mapping[str, Tensor]:
    """The weights, with the counters of batch norm, which some copies lack and every network has."""
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} must hold weights by name, but holds a {type(state).__name__}")
    for name, shape in SHAPES.items():
        found = tuple(state[name].shape) if name in state else "none"
        if found != shape:
            raise ValueError(
                f"{name} of {path} must have the shape {shape}, but has {found}; FID's Inception-v3 is torch-fidelity's, "
                "not torchvision's (docs/inception.md)"
            )
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} of {path} has values that are not finite; get the file again")
    norms = [name.removesuffix("running_mean") for name in state if name.endswith("running_mean")]
    counters = {norm + "num_batches_tracked": torch.tensor(0) for norm in norms}
    return {name: tensor.contiguous() for name, tensor in (counters | state).items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m trainables.classifiers.inception.convert", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--weights",
        type=Path,
        help="torch-fidelity's .pth (default: fetched from GitHub, 96 MB, and kept in the cache)",
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write, later given as --classifier")
    return _convert(parser.parse_args(arguments), open_console())


def _convert(given: argparse.Namespace, console: Console) -> int:
    try:
        found = convert(given.weights or _fetched(console), given.out)
    except (ValueError, OSError) as error:
        console.print(Text(f"{error}", style="red"))
        return 2
    console.print(Text(f"{given.out} holds the classifier inception-{found[:6]}.", style="bold"))
    console.print(Text(f"A study takes it in the place of the one it would train: --classifier {given.out}"))
    return 0


def _fetched(console: Console) -> Path:
    """torch-fidelity's file, from GitHub or the cache folder. Raises as `fetched` does, with what to do instead."""
    name = URL.rpartition("/")[2]
    try:
        with progress_bar(console, f"{name}, MB") as tell:
            return fetched(URL, tell)
    except (ConnectionError, ValueError) as error:
        raise ValueError(
            f"{error}; get {name}, a file of release v0.2.0 of the repository toshas/torch-fidelity on GitHub, by other "
            "ways, and give it as --weights (docs/inception.md)"
        ) from error


if __name__ == "__main__":
    raise SystemExit(main())
