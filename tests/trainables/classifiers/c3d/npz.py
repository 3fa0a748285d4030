"""Files with the layout of the released C3D, and small: random weights in narrow layers."""

from pathlib import Path

import numpy as np

from trainables.classifiers.c3d.convert import MEAN, Array, layer_shapes

WIDTHS, FC, CLASSES = (2, 3, 4, 4, 3, 3, 2, 2), 6, 10


def random_weights(seed: int = 0) -> dict[str, Array]:
    """Weights that keep activations alive from layer to layer."""
    draw = np.random.default_rng(seed)
    return {
        key: (draw.normal(size=shape) * (2 / np.prod(shape[1:])) ** 0.5).astype(np.float32)
        if key.endswith("W")
        else draw.uniform(0, 0.1, size=shape).astype(np.float32)
        for key, shape in layer_shapes(WIDTHS, FC, CLASSES).items()
    }


def random_mean(seed: int = 1) -> Array:
    return np.random.default_rng(seed).uniform(80, 120, size=MEAN).astype(np.float32)


def write_npz(folder: Path, weights: dict[str, Array], mean: Array) -> tuple[Path, Path]:
    """Both files, as numpy's savez (which Chainer's save_npz calls) writes them."""
    folder.mkdir(exist_ok=True)
    paths = folder / "conv3d_deepnetA_ucf.npz", folder / "mean2.npz"
    np.savez(paths[0], allow_pickle=False, **weights)
    np.savez(paths[1], allow_pickle=False, mean=mean)
    return paths
