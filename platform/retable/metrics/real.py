"""Features of the real clips, once for all trials that share a classifier and a data set.

Computing them costs more than a trial's own evaluation (95,370 clips in the paper's protocol), so mean and covariance
are kept as float64 safetensors beside the classifier's trial. The file's name is a hash of everything that they
depend on; a file that is damaged is computed again. Trials that run at once may both compute it: each writes it
whole, and the numbers agree up to rounding.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from retable.data.clips import Clips, to_model
from retable.ddp import Workers
from retable.files import write_bytes
from retable.metrics.features import FeatureExtractor
from retable.metrics.frechet import Gaussian, Moments

SEED = 0  # of the real clips: not a trial's, for all trials are compared with the same ones
VERSION = 1  # counted up when the way they are computed changes


def real_features(
    extractor: FeatureExtractor, clips: Clips, passes: int, folder: Path, workers: Workers, batch: int
) -> Gaussian:
    """Mean and covariance of the features of `passes` random clips of each video. Every rank calls it.

    Args:
        clips: the train split, as the generator's training sees it (crop, flip, size).
        folder: the finished classifier's folder; the file lies in its folder ``real``.
        batch: clips at once.
    """
    path = folder / "real" / f"{_key(extractor, clips, passes)}.safetensors"
    found = _read(path, workers.device)
    if workers.mean({"found": torch.tensor(float(found is not None), device=workers.device)})["found"] == 1:
        assert found is not None
        return found
    gaussian = _compute(extractor, clips, passes, workers, batch)
    if workers.rank == 0:
        tensors = {"mean": gaussian.mean.cpu(), "covariance": gaussian.covariance.cpu()}
        write_bytes(path, save({**tensors, "sha256": _digest(tensors)}))
    return gaussian


def _compute(
    extractor: FeatureExtractor, clips: Clips, passes: int, workers: Workers, batch: int
) -> Gaussian:
    fixed = clips.with_seed(SEED)
    moments = None
    share = workers.share(passes * len(fixed))
    for start in range(0, len(share), batch):
        real, _ = fixed.batch(0, share[start : start + batch])
        _, features = extractor.features(to_model(real.to(workers.device)))
        moments = moments or Moments(features.shape[1], workers.device)
        moments.update(features)
    assert moments is not None  # there are more clips than workers
    return moments.reduced(workers).gaussian()


def _key(extractor: FeatureExtractor, clips: Clips, passes: int) -> str:
    identity = {
        "version": VERSION,
        "weights": extractor.weights,
        "resize": extractor.resize,
        "clips": clips.fingerprint,
        "passes": passes,
        "seed": SEED,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _digest(tensors: Mapping[str, Tensor]) -> Tensor:
    """SHA-256 of the values (32,): safetensors itself does not notice a flipped bit."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensors[name].numpy().tobytes())
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def _read(path: Path, device: torch.device) -> Gaussian | None:
    """What the file holds; None if it is not there or not as it was written."""
    try:
        tensors = load(path.read_bytes())
        given = tensors.pop("sha256")
        if not torch.equal(given, _digest(tensors)):
            return None
        return Gaussian(tensors["mean"].to(device), tensors["covariance"].to(device))
    except (FileNotFoundError, SafetensorError, KeyError):
        return None
