"""Pretrained networks: a user's file of weights in the place of a network that is trained here. No torch here.

The weights' hash is a field of the trial's config, so signatures and metrics' names carry it. The path of the file never
matters; the driver copies the file into the trial's folder, which every worker can read.
"""

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from safetensors import SafetensorError, safe_open

from retable.io.files import MissingFileError, UnusableFileError, make_folder, replacing, room_for
from retable.trial.config import TrialConfig
from retable.trial.identity import Label

if TYPE_CHECKING:
    import numpy as np

FILE = "weights.safetensors"
"""Its name in the trial's folder."""


@runtime_checkable
class TakesWeights(Protocol):
    """Config of a classifier that a pretrained one can replace."""

    def with_weights(self, file: Path) -> TrialConfig:
        """Return the config of the pretrained classifier in a file.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it does not hold such a classifier.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig(TrialConfig):
    """Base of the configs of pretrained networks: their trials train nothing, and score what is held out.

    Attributes:
        weights: hash of the network's weights, which its file must have (`weights_hash`).
        batch_size: samples scored at once, over all workers.
    """

    iterations: int = 1
    batch_size: int = 1
    snapshot_every: int = 1
    weights: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch("[0-9a-f]{64}", self.weights):
            raise ValueError(f"weights must be a SHA-256 in 64 hex digits, but got {self.weights!r}")

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters for tables and the tracker; those of the training are not known here."""
        return {"weights": self.weights[:6]}


def weights_hash(arrays: "Mapping[str, np.ndarray[Any, Any]]") -> str:
    """SHA-256 of a network's weights, in hex: names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        # The type is named as torch names it, which does not have to be there to hash a file.
        digest.update(f"{name} torch.{array.dtype} {tuple(array.shape)}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Weights:
    """Content of a safetensors file, without the values.

    Attributes:
        hash: `weights_hash` of it.
        header: metadata of the file.
        shapes: of its arrays.
    """

    hash: str
    header: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]


def read_weights(file: Path, remedy: str = "make it again") -> Weights:
    """Read a file of weights; a file that has not changed is read once.

    Args:
        remedy: end of an error's message: what to do.

    Raises:
        MissingFileError: there is no such file.
        UnusableFileError: it can't be read.
    """
    if not file.is_file():
        raise MissingFileError(f"{file} is no file", remedy=remedy)
    stat = file.stat()
    try:
        return _read(file, stat.st_mtime_ns, stat.st_size)
    except SafetensorError as error:
        raise UnusableFileError(f"{file} can't be read ({error})", remedy=remedy) from error


@lru_cache(maxsize=8)
def _read(file: Path, changed: int, size: int) -> Weights:
    """The stamps are there so that a new file is read again."""
    with safe_open(file, framework="numpy") as opened:
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no dict)
        header = opened.metadata() or {}
    return Weights(weights_hash(arrays), header, {name: array.shape for name, array in arrays.items()})


def place_weights(file: Path, folder: Path) -> None:
    """Copy the user's file of weights into the folder of its trial, unless it is there.

    Raises:
        OSError: it can't be read, or the folder can't be written.
    """
    target, size = folder / FILE, file.stat().st_size
    if target.exists() and target.stat().st_size == size:
        return
    make_folder(folder)
    with room_for(size, folder), replacing(target) as temporary:
        shutil.copyfile(file, temporary)
