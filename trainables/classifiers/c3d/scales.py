"""The classifier at each scale. No torch."""

from retable.data.decode.spec import ClipSpec
from trainables.classifiers.c3d.config import C3DConfig

PAPER = C3DConfig()
"""C3D at its published size, for a data set like UCF101."""

SMALL = C3DConfig(
    iterations=2_400,
    batch_size=8,
    snapshot_every=600,
    widths=(8, 16, 32, 32, 64, 64, 64, 64),
    fc=128,
    data=ClipSpec(size=32),
    lr=1.5e-3,
    warmup=100,
    beta2=0.99,
    dropout=0.0,
)
"""For the embedded data set. Smoke and toy share it, so that it is trained once.

C3D has no normalisation and sits on plateaus: a warm-up and a short memory of squared gradients get it off them, and
the last few points of accuracy come as the learning rate falls.
"""
