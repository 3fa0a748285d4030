"""Features of the real samples, once for all trials that share a classifier and a data set.

Computing them costs more than a trial's own evaluation (95,370 clips in the TGANv2 paper's protocol), so they are kept as
safetensors beside the classifier's trial: of clips mean and covariance in float64, of images, which are fewer and whose
nearest neighbours are measured, the features themselves. The file's name is a hash of everything that they depend on; a file
that is damaged is computed again. Trials that run at once may both compute it: each writes it whole, and the numbers
agree up to rounding.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from retable.data.samples import pixels
from retable.data.samples.clips import Clips, to_model
from retable.evaluation.features import FeatureExtractor
from retable.io.files import write_bytes
from retable.metrics.frechet import Gaussian, Moments
from retable.trial.distributed import Workers

SEED = 0  # of what is drawn of real samples: not a trial's, for all trials are compared with the same ones
VERSION = 2  # counted up when the way they are computed changes


class Real(Protocol):
    """The real samples that generated ones are compared with."""

    @property
    def identity(self) -> Mapping[str, object]:
        """Description of the real samples, JSON-ready."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> Tensor:
        """Samples of those numbers, as models take them: float32 in [-1, 1]."""
        ...


class RealClips:
    """Random clips, `passes` times as many as there are videos.

    Args:
        clips: the train split, as the generator's training sees it (crop, flip, size).
    """

    def __init__(self, clips: Clips, passes: int) -> None:
        self.clips, self.passes = clips.with_seed(SEED), passes

    @property
    def identity(self) -> Mapping[str, object]:
        return {"clips": self.clips.fingerprint, "passes": self.passes, "seed": SEED}

    def __len__(self) -> int:
        return self.passes * len(self.clips)

    def batch(self, indices: Sequence[int]) -> Tensor:
        return to_model(self.clips.batch(0, indices)[0])


class Pictures(Protocol):
    """The part of `retable.data.samples.images.Images` that evaluation reads."""

    @property
    def fingerprint(self) -> str: ...
    def __len__(self) -> int: ...
    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """uint8 (N, 3, S, S), never mirrored, and labels (N,)."""
        ...


class RealImages:
    """Every image once and, in a second pass, every mirror image: none twice, for nearest neighbours are measured.

    Args:
        images: the train split.
        passes: 1 or 2.
    """

    def __init__(self, images: Pictures, passes: int) -> None:
        self.images, self.passes = images, passes

    @property
    def identity(self) -> Mapping[str, object]:
        return {"images": self.images.fingerprint, "passes": self.passes}

    def __len__(self) -> int:
        return self.passes * len(self.images)

    def batch(self, indices: Sequence[int]) -> Tensor:
        count = len(self.images)
        x_NCHW = pixels.to_model(self.images.evaluation_batch([index % count for index in indices])[0])
        mirrored_N = torch.tensor([index >= count for index in indices])
        return torch.where(mirrored_N[:, None, None, None], x_NCHW.flip(-1), x_NCHW)


def real_gaussian(
    extractor: FeatureExtractor, real: Real, folder: Path, workers: Workers, batch: int
) -> Gaussian:
    """Mean and covariance of the real samples' features. Every rank calls it.

    Args:
        folder: the finished classifier's folder; the file lies in its folder ``real``.
        batch: samples at once.
    """

    def compute() -> dict[str, Tensor]:
        moments = None
        for features in _stream(extractor, real, workers, batch):
            moments = moments or Moments(features.shape[1], workers.device)
            moments.update(features)
        assert moments is not None  # there are more samples than workers
        gaussian = moments.reduced(workers).gaussian()
        return {"mean": gaussian.mean.cpu(), "covariance": gaussian.covariance.cpu()}

    found = _once(_path(folder, extractor, real, "gaussian"), workers, compute)
    return Gaussian(found["mean"].to(workers.device), found["covariance"].to(workers.device))


def real_features(
    extractor: FeatureExtractor, real: Real, folder: Path, workers: Workers, batch: int
) -> Tensor:
    """The real samples' features (N, F) in their order, float32 in the host's memory. As `real_gaussian`."""

    def compute() -> dict[str, Tensor]:
        own = torch.cat(list(_stream(extractor, real, workers, batch)))
        return {"features": workers.gather(own).cpu()}

    return _once(_path(folder, extractor, real, "features"), workers, compute)["features"]


def _stream(extractor: FeatureExtractor, real: Real, workers: Workers, batch: int) -> Iterator[Tensor]:
    """Features of this worker's share, batch by batch."""
    share = workers.share(len(real))
    for start in range(0, len(share), batch):
        _, features = extractor.features(real.batch(share[start : start + batch]).to(workers.device))
        yield features


def _once(path: Path, workers: Workers, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Content of the file on all workers, or the result that they compute together and the first one writes."""
    found = _read(path)
    if workers.mean({"found": torch.tensor(float(found is not None), device=workers.device)})["found"] == 1:
        assert found is not None
        return found
    tensors = compute()
    if workers.rank == 0:
        write_bytes(path, save({**tensors, "sha256": _digest(tensors)}))
    return tensors


def _path(folder: Path, extractor: FeatureExtractor, real: Real, what: str) -> Path:
    identity = {
        **real.identity,
        "version": VERSION,
        "what": what,
        "weights": extractor.weights,
        "resize": extractor.resize,
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    return folder / "real" / f"{key}.safetensors"


def _digest(tensors: Mapping[str, Tensor]) -> Tensor:
    """SHA-256 of the values (32,): safetensors itself does not notice a flipped bit."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensors[name].numpy().tobytes())
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def _read(path: Path) -> dict[str, Tensor] | None:
    """Content of the file; None if it is missing or was changed."""
    try:
        tensors = load(path.read_bytes())
        given = tensors.pop("sha256")
        return tensors if torch.equal(given, _digest(tensors)) else None
    except (FileNotFoundError, SafetensorError, KeyError):
        return None
