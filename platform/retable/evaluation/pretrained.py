"""A network that the user brings as a file of weights, in the place of one that is trained. No torch here.

Its content is its identity: the hash is a field of its trial's config, so that signatures and metrics' names carry it.
Where the file lies never matters; the driver copies it into the trial's folder, which every worker can read.
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

if TYPE_CHECKING:
    import numpy as np

    from retable.trial.config import TrialConfig

FILE = "weights.safetensors"
"""Its name in the trial's folder."""


@runtime_checkable
class TakesWeights(Protocol):
    """A classifier's config that knows what to do with a file of weights."""

    def with_weights(self, file: Path) -> "TrialConfig":
        """The config of the classifier in that file, which stands in the place of this one.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it does not hold such a classifier.
        """
        ...


@runtime_checkable
class Pretrained(Protocol):
    """Config of a network that was brought: `weights` is the hash that its file must have."""

    @property
    def weights(self) -> str: ...


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
    """What a safetensors file holds, without the values.

    Attributes:
        hash: `weights_hash` of it.
        header: what the file says of itself.
        shapes: of its arrays.
    """

    hash: str
    header: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]


def read_weights(file: Path, mend: str = "make it again") -> Weights:
    """A file of weights, read once however often it is asked for.

    Args:
        mend: how an error's message ends: what to do.

    Raises:
        MissingFileError: there is no such file.
        UnusableFileError: it can't be read.
    """
    if not file.is_file():
        raise MissingFileError(f"{file} is no file", remedy=mend)
    stat = file.stat()
    try:
        return _read(file, stat.st_mtime_ns, stat.st_size)
    except SafetensorError as error:
        raise UnusableFileError(f"{file} can't be read ({error})", remedy=mend) from error


@lru_cache(maxsize=8)
def _read(file: Path, changed: int, size: int) -> Weights:
    """The stamps are there so that a new file is read again."""
    with safe_open(file, framework="numpy") as opened:
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no dict)
        header = opened.metadata() or {}
    return Weights(weights_hash(arrays), header, {name: array.shape for name, array in arrays.items()})


def check_hash(weights: str) -> None:
    """See that a config's `weights` can be a hash.

    Raises:
        ValueError: it can't.
    """
    if not re.fullmatch("[0-9a-f]{64}", weights):
        raise ValueError(f"weights must be a SHA-256 in 64 hex digits, but got {weights!r}")


def bring(file: Path, folder: Path) -> None:
    """Copy the user's file into the folder of its trial, unless it is there.

    Raises:
        OSError: it can't be read, or the folder can't be written.
    """
    target, size = folder / FILE, file.stat().st_size
    if target.exists() and target.stat().st_size == size:
        return
    make_folder(folder)
    with room_for(size, folder), replacing(target) as temporary:
        shutil.copyfile(file, temporary)
