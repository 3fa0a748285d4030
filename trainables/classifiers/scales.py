"""The classifier at each scale. No torch."""

from retable.data.spec import ClipSpec
from trainables.classifiers.config import C3DConfig

PAPER = C3DConfig()
"""C3D at its published size, for a data set like UCF101."""

SMALL = C3DConfig(
    iterations=300,
    batch_size=16,
    snapshot_every=150,
    widths=(8, 16, 32, 32, 64, 64, 64, 64),
    fc=128,
    data=ClipSpec(size=32),
    lr=1e-3,
    dropout=0.0,
)
"""For the embedded data set. Smoke and toy share it, so that it is trained once."""
